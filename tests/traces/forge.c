/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <zstd.h>

struct bytes forge_read(const char *path)
{
    struct bytes bytes = {0};
    FILE *stream = fopen(path, "rb");
    uint8_t block[4096];
    size_t n;

    assert_non_null(stream);
    while ((n = fread(block, 1, sizeof(block), stream)) != 0)
        bytes_put(&bytes, block, n);
    fclose(stream);
    return bytes;
}

void forge_write(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");

    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void load_section(struct forge *forge, const uint8_t *frame)
{
    struct forge_section *section = &forge->sections[forge->nr_sections++];
    uint32_t size = get32(frame + 4);
    const uint8_t *body = frame + FORMAT_FRAME_SIZE;

    assert_true(forge->nr_sections <= 16);
    section->tag = get32(frame);
    if (section->tag != FORMAT_CHNK) {
        bytes_put(&section->body, body, size);
        return;
    }
    section->events = get32(body + 16);
    section->columns = get32(body + 20);
    bytes_put(&section->body, body, FORMAT_CHUNK_HEADER_SIZE);
    bytes_reserve(&section->body, section->columns + 1);
    assert_int_equal(ZSTD_decompress(section->body.data + FORMAT_CHUNK_HEADER_SIZE,
                                     section->columns, body + FORMAT_CHUNK_HEADER_SIZE,
                                     size - FORMAT_CHUNK_HEADER_SIZE),
                     section->columns);
    section->body.size += section->columns;
}

void forge_load(struct forge *forge, const char *path)
{
    struct bytes file = forge_read(path);
    size_t offset = FORMAT_PRELUDE_SIZE, skip;

    memset(forge, 0, sizeof(*forge));
    while (get32(file.data + offset) != FORMAT_INDX) {
        load_section(forge, file.data + offset);
        offset += FORMAT_FRAME_SIZE + get32(file.data + offset + 4);
    }
    skip = 4 + forge->nr_sections * FORMAT_INDEX_ENTRY_SIZE;
    bytes_put(&forge->tail, file.data + offset + FORMAT_FRAME_SIZE + skip,
              get32(file.data + offset + 4) - skip);
    bytes_free(&file);
}

static void save_section(struct bytes *file, struct bytes *index, uint32_t tag, uint32_t events,
                         uint32_t columns, uint64_t content, const void *body, uint32_t size)
{
    uint64_t checksum = format_checksum(tag, body, size);

    if (index != NULL) {
        bytes_put32(index, tag);
        bytes_put32(index, events);
        bytes_put64(index, file->size);
        bytes_put32(index, size);
        bytes_put32(index, columns);
        bytes_put64(index, checksum);
        bytes_put64(index, content);
    }
    bytes_put32(file, tag);
    bytes_put32(file, size);
    bytes_put64(file, checksum);
    bytes_put(file, body, size);
}

static void save_chunk(struct bytes *file, struct bytes *index, const struct forge_section *section)
{
    size_t columns = section->body.size - FORMAT_CHUNK_HEADER_SIZE, size;
    const uint8_t *plain = section->body.data;
    uint64_t content = format_content(plain, plain + FORMAT_CHUNK_HEADER_SIZE, columns);
    struct bytes body = {0};

    bytes_put(&body, plain, FORMAT_CHUNK_PLAIN_SIZE);
    bytes_put64(&body, content + section->wrong_inside);
    assert_true(bytes_reserve(&body, ZSTD_compressBound(columns)));
    size = ZSTD_compress(body.data + body.size, ZSTD_compressBound(columns),
                         plain + FORMAT_CHUNK_HEADER_SIZE, columns, 1);
    assert_false(ZSTD_isError(size));
    save_section(file, index, section->tag, section->events, section->columns,
                 content + section->wrong, body.data, (uint32_t)(body.size + size));
    bytes_free(&body);
}

void forge_save(const struct forge *forge, const char *path)
{
    static const uint8_t version[8] = {FORMAT_VERSION};
    struct bytes file = {0}, index = {0};
    uint64_t offset;
    size_t trailer;

    bytes_put(&file, FORMAT_MAGIC, 8);
    bytes_put(&file, version, 8);
    bytes_put32(&index, forge->nr_sections);
    for (unsigned i = 0; i < forge->nr_sections; i++) {
        const struct forge_section *section = &forge->sections[i];

        if (section->tag == FORMAT_CHNK)
            save_chunk(&file, &index, section);
        else
            save_section(&file, &index, section->tag, section->events, section->columns, 0,
                         section->body.data, (uint32_t)section->body.size);
    }
    bytes_put(&index, forge->tail.data, forge->tail.size);
    offset = file.size;
    save_section(&file, NULL, FORMAT_INDX, 0, 0, 0, index.data, (uint32_t)index.size);
    trailer = file.size;
    bytes_put64(&file, offset);
    bytes_put64(&file, trailer + FORMAT_TRAILER_SIZE);
    bytes_put64(&file, format_checksum(FORMAT_INDX, file.data + trailer, 16));
    bytes_put(&file, FORMAT_TRAILER_MAGIC, 8);
    forge_write(path, file.data, file.size);
    bytes_free(&file);
    bytes_free(&index);
}

void forge_free(struct forge *forge)
{
    for (unsigned i = 0; i < forge->nr_sections; i++)
        bytes_free(&forge->sections[i].body);
    bytes_free(&forge->tail);
}
