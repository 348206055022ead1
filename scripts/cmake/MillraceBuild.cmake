# How everything in this tree is compiled: flags, and one function per kind of target.
option(MR_WERROR "Treat warnings as errors" OFF)
option(MR_HARDENED "libstdc++ assertions" OFF)
# Link-time optimisation of the programs, in Release. Not of plugins: they are what their authors make of them.
include(CheckIPOSupported)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  check_ipo_supported(RESULT MR_LTO_WORKS LANGUAGES CXX OUTPUT MR_LTO_OUTPUT)
endif()
option(MR_LTO "Link-time optimisation of the programs" ${MR_LTO_WORKS})
set(MR_SANITIZE "" CACHE STRING "Sanitizers for everything, plugins too: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(MR_PLUGIN_DIR ${CMAKE_BINARY_DIR}/plugins)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(mr_flags INTERFACE)
# g++ 12 sees overlaps and uninitialised optionals in optimised std::string code that are not there (its bugs 105329
# and 105593); the other presets keep these warnings.
target_compile_options(mr_flags INTERFACE -Wall -Wextra $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<BOOL:${MR_WERROR}>:-Werror>
  $<$<AND:$<CONFIG:Release>,$<COMPILE_LANG_AND_ID:CXX,GNU>>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-stringop-overflow>)
target_compile_definitions(mr_flags INTERFACE _FILE_OFFSET_BITS=64
  $<$<BOOL:${MR_HARDENED}>:_GLIBCXX_ASSERTIONS>)
target_link_options(mr_flags INTERFACE -Wl,-z,now,-z,relro)
if(MR_SANITIZE)
  # Without vptr: it needs the type information of hidden classes across shared objects.
  add_compile_options(-fsanitize=${MR_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MR_SANITIZE})
endif()

# The repository's own headers are included from its root: #include "common/base/result.h".
include_directories(${CMAKE_SOURCE_DIR})

function(mr_optimise_whole NAME)
  if(MR_LTO)
    set_target_properties(${NAME} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
    # The linker compiles again, and sees what the compiler's own options above were told not to see.
    target_link_options(${NAME} PRIVATE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow)
  endif()
endfunction()

# mr_room(NAME SOURCES a.cc b.cc [DEPS x y] [PRIVATE z]): one static library per second-level
# folder, so that the linker holds the direction of the dependencies.
function(mr_room NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SOURCES})
  mr_optimise_whole(${NAME})
  target_link_libraries(${NAME} PUBLIC ${ARG_DEPS} PRIVATE mr_flags ${ARG_PRIVATE})
endfunction()

# mr_program(NAME SOURCES main.cc DEPS ...): a program in bin/, installed.
function(mr_program NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  mr_optimise_whole(${NAME})
  target_link_libraries(${NAME} PRIVATE mr_flags ${ARG_DEPS})
  install(TARGETS ${NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endfunction()

# mr_test(NAME SOURCES a_test.cc DEPS ... [LABELS unit] [TIMEOUT 60]): one GoogleTest program; each
# TEST becomes a ctest entry.
function(mr_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  target_include_directories(${NAME} PRIVATE ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${NAME} PRIVATE mr_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # One variable: gtest_discover_tests takes no list here.
  set(ENVIRONMENT "ASAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/test/support/asan.supp")
  if(MR_SANITIZE MATCHES "thread")
    set(ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/test/support/tsan.supp")
  endif()
  gtest_discover_tests(${NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT "${ENVIRONMENT}")
endfunction()
if(BUILD_TESTING)
  include(GoogleTest)
  # Paths in a header of their own: as definitions they would keep ccache from sharing tests between clones.
  configure_file(${CMAKE_SOURCE_DIR}/test/support/paths.h.in
    ${CMAKE_BINARY_DIR}/generated/test/support/paths.h @ONLY)
endif()
