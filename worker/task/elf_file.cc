#include "worker/task/elf_file.h"

#include <elf.h>

#include <cstring>
#include <span>

#include "common/base/strings.h"

namespace mr::worker {
namespace {

constexpr uint64_t kSectionBytesMax = 256u << 20;
constexpr size_t kVersionEntriesMax = 4096;

tl::unexpected<Error> Damaged(std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("is a damaged or cut-off ELF file (", what, "): copy or build it again"));
}

// The struct at `offset` of `bytes`; nothing if it does not fit.
template <class T>
std::optional<T> At(std::string_view bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// The NUL-terminated text at `offset`; empty if out of bounds or without end.
std::string_view TextAt(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return {};
  const size_t end = table.find('\0', offset);
  if (end == std::string_view::npos) return {};
  return table.substr(offset, end - offset);
}

}  // namespace

std::string MachineName(uint16_t elf_machine) {
  switch (elf_machine) {
    case EM_386:
      return "i386";
    case EM_X86_64:
      return "x86_64";
    case EM_ARM:
      return "arm";
    case EM_AARCH64:
      return "aarch64";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    case EM_RISCV:
      return "riscv";
    default:
      return StrCat("machine ", static_cast<uint32_t>(elf_machine));
  }
}

uint16_t HostMachine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#elif defined(__riscv)
  return EM_RISCV;
#else
#error "name this machine's ELF number here"
#endif
}

Result<ElfFile> ElfFile::Open(Env& env, const std::string& path) {
  ElfFile elf;
  MR_ASSIGN_OR_RETURN(elf.file_, env.OpenForRead(path));
  MR_ASSIGN_OR_RETURN(const FileStat stat, elf.file_->Stat());
  elf.file_size_ = stat.size_bytes;
  std::string start(sizeof(Elf64_Ehdr), '\0');
  MR_ASSIGN_OR_RETURN(const size_t got,
                      elf.file_->ReadAt(0, std::span(start.data(), start.size())));
  start.resize(got);
  if (got < EI_NIDENT || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "is not an ELF shared object: give the .so file that the compiler made with -shared");
  }
  if (start[EI_CLASS] != ELFCLASS64 || start[EI_DATA] != ELFDATA2LSB) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("is a ", start[EI_CLASS] == ELFCLASS32 ? "32-bit" : "big-endian or unknown",
                       " ELF file, and this machine (", MachineName(HostMachine()),
                       ") runs 64-bit little-endian ones: build it on such a machine"));
  }
  if (got < sizeof(Elf64_Ehdr)) return Damaged("its header is incomplete");
  elf.header_ = std::move(start);
  const auto header = *At<Elf64_Ehdr>(elf.header_, 0);
  if (header.e_machine != HostMachine()) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("is built for ", MachineName(header.e_machine), ", and this machine is ",
                       MachineName(HostMachine()), ": build it for ", MachineName(HostMachine())));
  }
  if (header.e_type != ET_DYN) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("is ", header.e_type == ET_REL ? "an object file" : "a program or core file",
                       ", not a shared object: link it with -shared -fPIC"));
  }
  MR_RETURN_IF_ERROR(elf.ReadSections());
  return elf;
}

Status ElfFile::ReadSections() {
  const auto header = *At<Elf64_Ehdr>(header_, 0);
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr))
    return Damaged("no section table");
  auto table = ReadRange(header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
  if (!table) return Damaged("its section table lies beyond its end");
  for (uint16_t index = 0; index < header.e_shnum; ++index) {
    const auto raw = *At<Elf64_Shdr>(*table, index * sizeof(Elf64_Shdr));
    Section section;
    section.name = std::to_string(raw.sh_name);  // replaced below, once the name table is known
    section.type = raw.sh_type;
    section.link = raw.sh_link;
    section.info = raw.sh_info;
    section.offset = raw.sh_offset;
    section.size = raw.sh_type == SHT_NOBITS || raw.sh_type == SHT_NULL ? 0 : raw.sh_size;
    section.entry_size = raw.sh_entsize;
    if (section.size > file_size_ || section.offset > file_size_ - section.size) {
      if (section.size != 0) return Damaged("a section lies beyond its end");
    }
    sections_.push_back(std::move(section));
  }
  return NameSections(header.e_shstrndx);
}

Status ElfFile::NameSections(uint16_t names_index) {
  if (names_index >= sections_.size()) return Damaged("no section names");
  auto names = ReadSection(sections_[names_index]);
  if (!names) return Damaged("no section names");
  for (Section& section : sections_) section.name = TextAt(*names, std::stoul(section.name));
  return {};
}

const ElfFile::Section* ElfFile::FindSection(std::string_view name) const {
  for (const Section& section : sections_) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

std::string ElfFile::BuildId() const {
  constexpr uint64_t kNoteBytesMax = 4096;
  const Section* section = FindSection(".note.gnu.build-id");
  if (section == nullptr || section->size > kNoteBytesMax) return "";
  const Result<std::string> note = ReadSection(*section);
  const auto header = note ? At<Elf64_Nhdr>(*note, 0) : std::nullopt;
  if (!header || header->n_type != NT_GNU_BUILD_ID) return "";
  const uint64_t begin = sizeof(Elf64_Nhdr) + (uint64_t{header->n_namesz} + 3) / 4 * 4;
  if (begin > note->size() || note->size() - begin < header->n_descsz) return "";
  return ToHex(std::string_view(*note).substr(begin, header->n_descsz));
}

const ElfFile::Section* ElfFile::FindType(uint32_t type) const {
  for (const Section& section : sections_) {
    if (section.type == type) return &section;
  }
  return nullptr;
}

Result<std::string> ElfFile::ReadRange(uint64_t offset, uint64_t size) const {
  if (size > kSectionBytesMax || size > file_size_ || offset > file_size_ - size) {
    return Damaged("a table lies beyond its end");
  }
  std::string bytes(size, '\0');
  MR_ASSIGN_OR_RETURN(const size_t got,
                      file_->ReadAt(offset, std::span(bytes.data(), bytes.size())));
  if (got != size) return Damaged("it became shorter");
  return bytes;
}

Result<std::string> ElfFile::ReadSection(const Section& section) const {
  return ReadRange(section.size == 0 ? 0 : section.offset, section.size);
}

Result<bool> ElfFile::Exports(std::string_view name) const {
  const Section* symbols = FindType(SHT_DYNSYM);
  if (symbols == nullptr || symbols->link >= sections_.size()) return false;
  MR_ASSIGN_OR_RETURN(const std::string table, ReadSection(*symbols));
  MR_ASSIGN_OR_RETURN(const std::string names, ReadSection(sections_[symbols->link]));
  for (uint64_t offset = 0;; offset += sizeof(Elf64_Sym)) {
    const auto symbol = At<Elf64_Sym>(table, offset);
    if (!symbol) return false;
    if (symbol->st_shndx != SHN_UNDEF && TextAt(names, symbol->st_name) == name) return true;
  }
}

Result<std::vector<ElfFile::VersionNeed>> ElfFile::VersionNeeds() const {
  std::vector<VersionNeed> needs;
  const Section* section = FindType(SHT_GNU_verneed);
  if (section == nullptr || section->link >= sections_.size()) return needs;
  MR_ASSIGN_OR_RETURN(const std::string table, ReadSection(*section));
  MR_ASSIGN_OR_RETURN(const std::string names, ReadSection(sections_[section->link]));
  uint64_t offset = 0;
  size_t entries = 0;
  for (bool more = true; more && entries < kVersionEntriesMax; ++entries) {
    const auto need = At<Elf64_Verneed>(table, offset);
    if (!need) return Damaged("its version table is torn");
    VersionNeed found{std::string(TextAt(names, need->vn_file)), {}};
    uint64_t aux_offset = offset + need->vn_aux;
    for (uint16_t i = 0; i < need->vn_cnt && entries < kVersionEntriesMax; ++i, ++entries) {
      const auto aux = At<Elf64_Vernaux>(table, aux_offset);
      if (!aux) return Damaged("its version table is torn");
      found.versions.emplace_back(TextAt(names, aux->vna_name));
      aux_offset += aux->vna_next;
    }
    needs.push_back(std::move(found));
    offset += need->vn_next;
    more = need->vn_next != 0;
  }
  return needs;
}

Result<std::vector<std::string>> ElfFile::DefinedVersions() const {
  std::vector<std::string> versions;
  const Section* section = FindType(SHT_GNU_verdef);
  if (section == nullptr || section->link >= sections_.size()) return versions;
  MR_ASSIGN_OR_RETURN(const std::string table, ReadSection(*section));
  MR_ASSIGN_OR_RETURN(const std::string names, ReadSection(sections_[section->link]));
  uint64_t offset = 0;
  for (size_t entries = 0; entries < kVersionEntriesMax; ++entries) {
    const auto definition = At<Elf64_Verdef>(table, offset);
    if (!definition) return Damaged("its version table is torn");
    const auto aux = At<Elf64_Verdaux>(table, offset + definition->vd_aux);
    if (!aux) return Damaged("its version table is torn");
    versions.emplace_back(TextAt(names, aux->vda_name));
    if (definition->vd_next == 0) break;
    offset += definition->vd_next;
  }
  return versions;
}

std::optional<std::string> ElfFile::FunctionAt(uint64_t address) const {
  for (const uint32_t type : {uint32_t{SHT_SYMTAB}, uint32_t{SHT_DYNSYM}}) {
    const Section* symbols = FindType(type);
    if (symbols == nullptr || symbols->link >= sections_.size()) continue;
    const auto table = ReadSection(*symbols);
    const auto names = ReadSection(sections_[symbols->link]);
    if (!table || !names) continue;
    for (uint64_t offset = 0;; offset += sizeof(Elf64_Sym)) {
      const auto symbol = At<Elf64_Sym>(*table, offset);
      if (!symbol) break;
      if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF) continue;
      if (address < symbol->st_value || address - symbol->st_value >= symbol->st_size) continue;
      const std::string_view name = TextAt(*names, symbol->st_name);
      if (!name.empty()) return std::string(name);
    }
  }
  return std::nullopt;
}

}  // namespace mr::worker
