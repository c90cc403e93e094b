#include "storage/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kg::storage {
namespace {

// SST files are compressed already; the little that is left is cheap to have.
constexpr char kLevel[] = "1";
constexpr size_t kPiece = 128 << 10;
// Of one archive; a tree as made here has none.
constexpr int kMaxDirectories = 1000;

std::string ErrorOf(struct archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "unknown error" : text;
}

struct FreeWriter {
  void operator()(struct archive* a) const { archive_write_free(a); }
};
struct FreeReader {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
struct FreeEntry {
  void operator()(struct archive_entry* e) const { archive_entry_free(e); }
};

class WriterImpl : public ArchiveWriter {
 public:
  absl::Status Open() {
    struct archive* a = archive_.get();
    int result = archive_write_add_filter_zstd(a);
    if (result == ARCHIVE_OK)
      result = archive_write_set_filter_option(a, "zstd", "compression-level", kLevel);
    if (result == ARCHIVE_OK) result = archive_write_set_format_pax_restricted(a);
    // No padding of the last block: it is for tapes.
    if (result == ARCHIVE_OK) result = archive_write_set_bytes_in_last_block(a, 1);
    if (result == ARCHIVE_OK) result = archive_write_open(a, this, nullptr, &Take, nullptr);
    if (result == ARCHIVE_OK) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("can't begin an archive: ", ErrorOf(a)));
  }

  absl::Status BeginFile(const std::string& name, uint64_t bytes) override {
    if (left_ > 0) return Short();
    const std::unique_ptr<struct archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0600);
    archive_entry_set_size(entry.get(), static_cast<int64_t>(bytes));
    if (archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) return Failed(name);
    name_ = name;
    left_ = bytes;
    return absl::OkStatus();
  }

  absl::Status Write(absl::string_view bytes) override {
    if (bytes.size() > left_) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " has more bytes than announced"));
    }
    const la_ssize_t written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    if (written < 0 || static_cast<size_t>(written) != bytes.size()) return Failed(name_);
    left_ -= bytes.size();
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (left_ > 0) return Short();
    return archive_write_close(archive_.get()) == ARCHIVE_OK ? absl::OkStatus() : Failed("end");
  }

  std::string TakeOutput() override { return std::exchange(output_, std::string()); }

 private:
  static la_ssize_t Take(struct archive*, void* self, const void* bytes, size_t size) {
    static_cast<WriterImpl*>(self)->output_.append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
  }
  absl::Status Short() const {
    return absl::FailedPreconditionError(absl::StrCat(name_, " lacks ", left_, " bytes"));
  }
  absl::Status Failed(const std::string& what) const {
    return absl::InternalError(absl::StrCat("archive, ", what, ": ", ErrorOf(archive_.get())));
  }

  std::string output_;  // before archive_, whose end may still write
  std::string name_;
  uint64_t left_ = 0;
  const std::unique_ptr<struct archive, FreeWriter> archive_{archive_write_new()};
};

class ReaderImpl : public ArchiveReader {
 public:
  explicit ReaderImpl(Read read) : read_(std::move(read)), buffer_(new char[kPiece]) {}

  absl::Status Open() {
    struct archive* a = archive_.get();
    int result = archive_read_support_filter_zstd(a);
    if (result == ARCHIVE_OK) result = archive_read_support_format_tar(a);
    if (result == ARCHIVE_OK) result = archive_read_open(a, this, nullptr, &Give, nullptr);
    return result == ARCHIVE_OK ? absl::OkStatus()
                                : Failed("this is no .tar.zst, or one that is damaged or cut off");
  }

  absl::StatusOr<std::optional<File>> Next() override {
    while (true) {
      struct archive_entry* entry = nullptr;
      const int result = archive_read_next_header(archive_.get(), &entry);
      if (result == ARCHIVE_EOF) return std::optional<File>();
      // A warning is about a header that was not understood in full: nothing to build on.
      if (result != ARCHIVE_OK) return Failed("the archive is damaged or cut off");
      const char* path = archive_entry_pathname(entry);
      if (path == nullptr) return absl::InvalidArgumentError("the archive has a nameless entry");
      std::string name = path;
      if (name.compare(0, 2, "./") == 0) name.erase(0, 2);
      const bool has_link =
          archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
      if (archive_entry_filetype(entry) == AE_IFDIR && !has_link) {
        if (archive_entry_size(entry) == 0 && ++directories_ <= kMaxDirectories) continue;
        return absl::InvalidArgumentError("the archive has strange directories: refused");
      }
      if (archive_entry_filetype(entry) != AE_IFREG || has_link ||
          archive_entry_sparse_count(entry) > 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the archive has '", name, "', which is no plain file (a link, say): refused"));
      }
      if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0) {
        return absl::InvalidArgumentError(absl::StrCat("'", name, "' has no size: refused"));
      }
      left_ = static_cast<uint64_t>(archive_entry_size(entry));
      return std::optional<File>(File{std::move(name), left_});
    }
  }

  absl::StatusOr<size_t> ReadFile(char* buffer, size_t size) override {
    if (left_ == 0) return 0;
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(size, left_));
    const la_ssize_t got = archive_read_data(archive_.get(), buffer, wanted);
    if (got <= 0) return Failed("the archive is damaged or cut off");
    left_ -= static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
  }

 private:
  static la_ssize_t Give(struct archive* a, void* self, const void** bytes) {
    auto* reader = static_cast<ReaderImpl*>(self);
    const absl::StatusOr<size_t> got = reader->read_(reader->buffer_.get(), kPiece);
    if (!got.ok()) {
      reader->stream_ = got.status();
      archive_set_error(a, EIO, "%s", std::string(got.status().message()).c_str());
      return -1;
    }
    *bytes = reader->buffer_.get();
    return static_cast<la_ssize_t>(*got);
  }
  // What failed may be the stream below, which has more to say.
  absl::Status Failed(absl::string_view what) const {
    if (!stream_.ok()) return stream_;
    return absl::DataLossError(absl::StrCat(what, ": ", ErrorOf(archive_.get())));
  }

  const Read read_;
  const std::unique_ptr<char[]> buffer_;
  absl::Status stream_;
  uint64_t left_ = 0;
  int directories_ = 0;
  const std::unique_ptr<struct archive, FreeReader> archive_{archive_read_new()};
};

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Create() {
  auto writer = std::make_unique<WriterImpl>();
  if (absl::Status opened = writer->Open(); !opened.ok()) return opened;
  return writer;
}

absl::StatusOr<std::unique_ptr<ArchiveReader>> ArchiveReader::Create(Read read) {
  auto reader = std::make_unique<ReaderImpl>(std::move(read));
  if (absl::Status opened = reader->Open(); !opened.ok()) return opened;
  return reader;
}

}  // namespace kg::storage
