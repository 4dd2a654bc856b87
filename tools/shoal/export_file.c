#include "export_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

#include "memory.h"

enum { READ_BYTES = 1 << 20, ZSTD_LEVEL = 3, GZIP_LEVEL = 6, GZIP_WINDOW = 15 + 16 };

struct summing {
    XXH3_state_t *xxh3;
    EVP_MD_CTX *sha256;
    uint64_t bytes;
};

struct export_file {
    int handle;
    enum export_packing packing;
    struct summing summing;
    ZSTD_CCtx *zstd;
    char *room;
    size_t room_bytes;
    char path[PATH_MAX];
};

/* ---- Sums ---- */

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an export");
}

static enum sh_status fault(const char *path, struct sh_error *err) {
    return sh_fail(err, errno == ENOENT ? SH_ERR_NOT_FOUND : SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
}

static bool summing_init(struct summing *summing) {
    *summing = (struct summing){.xxh3 = XXH3_createState(), .sha256 = EVP_MD_CTX_new()};
    return summing->xxh3 != NULL && summing->sha256 != NULL && XXH3_128bits_reset(summing->xxh3) == XXH_OK &&
           EVP_DigestInit_ex(summing->sha256, EVP_sha256(), NULL) == 1;
}

static void summing_deinit(struct summing *summing) {
    (void)XXH3_freeState(summing->xxh3);
    EVP_MD_CTX_free(summing->sha256);
}

static void summing_add(struct summing *summing, const void *bytes, size_t byte_count) {
    (void)XXH3_128bits_update(summing->xxh3, bytes, byte_count);
    (void)EVP_DigestUpdate(summing->sha256, bytes, byte_count);
    summing->bytes += byte_count;
}

static void print_hex(const unsigned char *bytes, size_t byte_count, char *digits) {
    static const char all[] = "0123456789abcdef";
    for (size_t i = 0; i < byte_count; i++) {
        *digits++ = all[bytes[i] >> 4];
        *digits++ = all[bytes[i] & 15];
    }
    *digits = '\0';
}

/* Of what was added so far; more may follow. */
static enum sh_status summing_tell(const struct summing *summing, struct export_sums *sums, struct sh_error *err) {
    XXH128_canonical_t canonical;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    const bool is_told = copy != NULL && EVP_MD_CTX_copy_ex(copy, summing->sha256) == 1 &&
                         EVP_DigestFinal_ex(copy, digest, &length) == 1;
    EVP_MD_CTX_free(copy);
    if (!is_told) return no_memory(err);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(summing->xxh3));
    sums->bytes = summing->bytes;
    print_hex(canonical.digest, sizeof canonical.digest, sums->xxh3);
    print_hex(digest, length, sums->sha256);
    return SH_OK;
}

/* The next byte_count bytes of the file, or all there are if it is shorter. */
static enum sh_status sum_bytes(int handle, const char *path, uint64_t byte_count, struct summing *summing,
                                struct sh_error *err) {
    char *room = sh_alloc(READ_BYTES);
    if (room == NULL) return no_memory(err);
    enum sh_status status = SH_OK;
    while (byte_count > 0) {
        const ssize_t got = read(handle, room, byte_count < READ_BYTES ? (size_t)byte_count : READ_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = fault(path, err);
        if (got <= 0) break;
        summing_add(summing, room, (size_t)got);
        byte_count -= (uint64_t)got;
    }
    sh_free(room);
    return status;
}

enum sh_status export_file_sum(const char *path, struct export_sums *sums, struct sh_error *err) {
    struct summing summing;
    const int handle = open(path, O_RDONLY | O_CLOEXEC);
    if (handle < 0) return fault(path, err);
    enum sh_status status = summing_init(&summing) ? SH_OK : no_memory(err);
    if (status == SH_OK) status = sum_bytes(handle, path, UINT64_MAX, &summing, err);
    if (status == SH_OK) status = summing_tell(&summing, sums, err);
    summing_deinit(&summing);
    (void)close(handle);
    return status;
}

/* ---- Opening ---- */

static enum sh_status check_begin(struct export_file *file, const struct export_sums *sums, struct sh_error *err) {
    struct export_sums found = {0};
    enum sh_status status = sum_bytes(file->handle, file->path, sums->bytes, &file->summing, err);
    if (status == SH_OK) status = summing_tell(&file->summing, &found, err);
    if (status != SH_OK) return status;
    if (found.bytes == sums->bytes && strcmp(found.xxh3, sums->xxh3) == 0 && strcmp(found.sha256, sums->sha256) == 0)
        return SH_OK;
    (void)sh_fail(err, SH_ERR_CORRUPT, -1, "%s does not begin with the %llu bytes that the manifest says", file->path,
                  (unsigned long long)sums->bytes);
    return sh_fail_hint(err, SH_ERR_CORRUPT, "--anew begins from the start");
}

enum sh_status export_file_open(const char *path, enum export_packing packing, const struct export_sums *sums,
                                struct export_file **opened, struct sh_error *err) {
    *opened = NULL;
    struct export_file *file = sh_alloc_zero(sizeof *file);
    if (file == NULL) return no_memory(err);
    file->packing = packing;
    file->handle = -1;
    enum sh_status status = summing_init(&file->summing) ? SH_OK : no_memory(err);
    if (status == SH_OK && snprintf(file->path, sizeof file->path, "%s", path) >= (int)sizeof file->path)
        status = sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
    if (status == SH_OK) {
        file->handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->handle < 0) status = fault(path, err);
    }
    if (status == SH_OK && flock(file->handle, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK ? sh_fail(err, SH_ERR_BUSY, -1, "%s is being written by another process", path)
                                      : fault(path, err);
    if (status == SH_OK && sums->bytes > 0) status = check_begin(file, sums, err);
    if (status == SH_OK &&
        (ftruncate(file->handle, (off_t)sums->bytes) != 0 || lseek(file->handle, (off_t)sums->bytes, SEEK_SET) < 0))
        status = fault(path, err);
    if (status == SH_OK && packing == EXPORT_ZSTD && (file->zstd = ZSTD_createCCtx()) == NULL) status = no_memory(err);
    if (status != SH_OK) {
        export_file_close(file);
        return status;
    }
    *opened = file;
    return SH_OK;
}

void export_file_close(struct export_file *file) {
    if (file == NULL) return;
    if (file->handle >= 0) (void)close(file->handle);
    (void)ZSTD_freeCCtx(file->zstd);
    summing_deinit(&file->summing);
    sh_free(file->room);
    sh_free(file);
}

/* ---- Writing ---- */

static bool make_room(struct export_file *file, size_t byte_count) {
    if (byte_count <= file->room_bytes) return true;
    sh_free(file->room);
    file->room = sh_alloc(byte_count);
    file->room_bytes = file->room == NULL ? 0 : byte_count;
    return file->room != NULL;
}

/* One gzip member, without a name and a time. */
static enum sh_status pack_gzip(struct export_file *file, const void *bytes, size_t byte_count, size_t *packed_bytes,
                                struct sh_error *err) {
    z_stream stream = {0};
    if (byte_count > UINT32_MAX / 2) return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a page of an export is too long");
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return no_memory(err);
    const size_t bound = deflateBound(&stream, (uLong)byte_count);
    int result = Z_MEM_ERROR;
    if (make_room(file, bound)) {
        union {
            const void *given;
            Bytef *wanted; /* zlib only reads, and does not say so */
        } in = {.given = bytes};
        stream.next_in = in.wanted;
        stream.avail_in = (uInt)byte_count;
        stream.next_out = (Bytef *)file->room;
        stream.avail_out = (uInt)bound;
        result = deflate(&stream, Z_FINISH);
        *packed_bytes = bound - stream.avail_out;
    }
    (void)deflateEnd(&stream);
    return result == Z_STREAM_END ? SH_OK : no_memory(err);
}

/* One zstd frame, with its checksum. */
static enum sh_status pack_zstd(struct export_file *file, const void *bytes, size_t byte_count, size_t *packed_bytes,
                                struct sh_error *err) {
    const size_t bound = ZSTD_compressBound(byte_count);
    if (!make_room(file, bound)) return no_memory(err);
    (void)ZSTD_CCtx_setParameter(file->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(file->zstd, ZSTD_c_checksumFlag, 1);
    *packed_bytes = ZSTD_compress2(file->zstd, file->room, bound, bytes, byte_count);
    if (!ZSTD_isError(*packed_bytes)) return SH_OK;
    return sh_fail(err, SH_ERR_MEMORY, -1, "zstd: %s", ZSTD_getErrorName(*packed_bytes));
}

static enum sh_status write_all(struct export_file *file, const char *bytes, size_t byte_count, struct sh_error *err) {
    summing_add(&file->summing, bytes, byte_count);
    while (byte_count > 0) {
        const ssize_t done = write(file->handle, bytes, byte_count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return fault(file->path, err);
        bytes += done;
        byte_count -= (size_t)done;
    }
    return SH_OK;
}

enum sh_status export_file_add(struct export_file *file, const void *bytes, size_t byte_count, struct sh_error *err) {
    size_t packed_bytes = 0;
    enum sh_status status;
    if (byte_count == 0) return SH_OK;
    switch (file->packing) {
    case EXPORT_GZIP:
        status = pack_gzip(file, bytes, byte_count, &packed_bytes, err);
        break;
    case EXPORT_ZSTD:
        status = pack_zstd(file, bytes, byte_count, &packed_bytes, err);
        break;
    default:
        return write_all(file, bytes, byte_count, err);
    }
    return status == SH_OK ? write_all(file, file->room, packed_bytes, err) : status;
}

enum sh_status export_file_settle(struct export_file *file, struct export_sums *sums, struct sh_error *err) {
    if (fdatasync(file->handle) != 0) return fault(file->path, err);
    return summing_tell(&file->summing, sums, err);
}

enum export_packing export_packing_of(const char *path) {
    const size_t length = strlen(path);
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) return EXPORT_GZIP;
    return length > 4 && strcmp(path + length - 4, ".zst") == 0 ? EXPORT_ZSTD : EXPORT_BARE;
}
