# mr_add_plugin(NAME SOURCE... [OUTPUT_NAME name]): NAME.so, a plugin for Millrace. Used in the source tree and,
# through find_package(mr), by plugin authors. C++20, hidden symbols (but the one that Millrace looks for), no
# "lib" prefix, nothing left undefined (a sanitizer's runtime is, so not with -fsanitize).
#
# mr_add_plugin_test(NAME SOURCE...): a GoogleTest program that tests jobs with <mr/test.hpp>, registered with ctest;
# the sources include the plugin's own. Needs find_package(GTest) before. With another framework link mr::test yourself.
function(mr_add_plugin_test NAME)
  if(NOT TARGET GTest::gtest_main)
    message(FATAL_ERROR "mr_add_plugin_test(${NAME} ...): find_package(GTest REQUIRED) must come before")
  endif()
  add_executable(${NAME} ${ARGN})
  target_link_libraries(${NAME} PRIVATE mr::test GTest::gtest_main)
  add_test(NAME ${NAME} COMMAND ${NAME})
endfunction()

function(mr_add_plugin NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "OUTPUT_NAME" "")
  if(NOT ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "mr_add_plugin(${NAME} ...): name at least one source file")
  endif()
  add_library(${NAME} MODULE ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${NAME} PRIVATE mr::sdk)
  target_compile_features(${NAME} PRIVATE cxx_std_20)
  set_target_properties(${NAME} PROPERTIES PREFIX "" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(ARG_OUTPUT_NAME)
    set_target_properties(${NAME} PROPERTIES OUTPUT_NAME ${ARG_OUTPUT_NAME})
  endif()
  get_directory_property(OPTIONS COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" TYPE)
  if(NOT "${OPTIONS} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${TYPE}}" MATCHES "-fsanitize")
    target_link_options(${NAME} PRIVATE -Wl,-z,defs)
  endif()
  target_link_options(${NAME} PRIVATE -Wl,--build-id)
endfunction()
