/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Output files that appear whole or not at all.
 *
 * Two ways to the same end. The good one: a file without a name (O_TMPFILE) in the folder of the
 * path, which the kernel forgets when the process dies in whatever manner, given a name at the
 * end. linkat() cannot replace a file, so the file first gets a temporary name, which lives for
 * the moment between two system calls, and is renamed. The other, for file systems that have no
 * nameless files: a temporary name from the start, which a killed process leaves behind.
 *
 * Write errors are sticky in a stream, but their cause is not kept: the cause is found again by
 * the flush at the end in nearly all cases (a full disk stays full), and otherwise the message
 * does without.
 */

#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_BUFFER_SIZE   (256 * 1024)
#define OUTPUT_NAME_ATTEMPTS 100

struct output {
    FILE *stream;
    char *path;      /* the name to be */
    char *temporary; /* NULL while the file has no name, or for what is written directly */
    bool direct;     /* the standard output, a device or a pipe: there is nothing to rename */
    bool standard;   /* the stream is not ours to close */
};

/* The length of the folder part of PATH, with its slash. */
static size_t output_folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static char *output_folder(const char *path)
{
    size_t length = output_folder_length(path);

    return length == 0 ? strdup(".") : strndup(path, length);
}

/* A hidden name beside the path that is ours by process and attempt. */
static char *output_temporary_name(const char *path, unsigned int attempt)
{
    int folder = (int)output_folder_length(path);
    char *name;

    if (asprintf(&name, "%.*s.%s.%ld-%u.part", folder, path, path + folder, (long)getpid(),
                 attempt) < 0)
        return NULL;

    return name;
}

static int output_error(const char *path, const char *what, int code, struct error *error)
{
    return error_set(error, "%s: cannot %s: %s", path, what, strerror(code));
}

static void output_free(struct output *output)
{
    if (output->stream != NULL && !output->standard)
        fclose(output->stream);
    if (output->temporary != NULL)
        unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    free(output);
}

static int output_open_temporary(struct output *output)
{
    for (unsigned int attempt = 0; attempt < OUTPUT_NAME_ATTEMPTS; attempt++) {
        char *name = output_temporary_name(output->path, attempt);
        int fd;

        if (name == NULL)
            return -1;

        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            output->temporary = name;
            return fd;
        }
        free(name);
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

static int output_open_hidden(struct output *output)
{
    char *folder = output_folder(output->path);
    int fd;

    if (folder == NULL)
        return -1;

    fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    free(folder);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL))
        return output_open_temporary(output);

    return fd;
}

/* Gives a nameless file a temporary name through its entry in /proc. */
static int output_link(struct output *output)
{
    char self[64];

    if (output->temporary != NULL)
        return 0;

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fileno(output->stream));
    for (unsigned int attempt = 0; attempt < OUTPUT_NAME_ATTEMPTS; attempt++) {
        char *name = output_temporary_name(output->path, attempt);

        if (name == NULL)
            return -1;

        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
            output->temporary = name;
            return 0;
        }
        free(name);
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* The rename is not durable before its folder is. A folder that cannot be synchronized (some
 * network file systems) is no reason to call a complete file failed. */
static void output_sync_folder(const char *path)
{
    char *folder = output_folder(path);
    int fd;

    if (folder == NULL)
        return;

    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* A name for a file with no /proc to link through would be found missing only after all the work:
 * it is found out at the start. */
static bool output_can_link(void)
{
    return access("/proc/self/fd", X_OK) == 0;
}

static int output_open_file(struct output *output, struct error *error)
{
    struct stat status;
    int fd;

    if (stat(output->path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return output_error(output->path, "write", EISDIR, error);
        output->direct = !S_ISREG(status.st_mode);
        if (!output->direct && access(output->path, W_OK) != 0)
            return output_error(output->path, "write", errno, error);
    }

    if (output->direct)
        fd = open(output->path, O_WRONLY | O_CLOEXEC);
    else if (output_can_link())
        fd = output_open_hidden(output);
    else
        fd = output_open_temporary(output);
    if (fd < 0)
        return output_error(output->path, "create", errno, error);

    output->stream = fdopen(fd, "w");
    if (output->stream == NULL) {
        int code = errno;

        close(fd);
        return output_error(output->path, "create", code, error);
    }

    setvbuf(output->stream, NULL, _IOFBF, OUTPUT_BUFFER_SIZE);
    return 0;
}

/* A symbolic link stays one: what is replaced is the file it leads to. */
static char *output_resolve(const char *path)
{
    struct stat status;

    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
        char *target = realpath(path, NULL);

        if (target != NULL)
            return target;
    }
    return strdup(path);
}

/* What is no regular file is not replaced. */
int output_distinct(const char *input, const char *output, struct error *error)
{
    struct stat in, out;

    if (strcmp(input, "-") == 0 || strcmp(output, "-") == 0 || stat(input, &in) != 0 ||
        stat(output, &out) != 0 || !S_ISREG(in.st_mode))
        return 0;
    if (in.st_dev != out.st_dev || in.st_ino != out.st_ino)
        return 0;

    return error_set(error,
                     "%s: it is read, and the output would replace it; give the output another "
                     "name",
                     output);
}

struct output *output_open(const char *path, struct error *error)
{
    struct output *output = calloc(1, sizeof(*output));

    if (output == NULL) {
        output_error(path, "create", ENOMEM, error);
        return NULL;
    }

    if (strcmp(path, "-") == 0) {
        output->path = strdup("standard output");
        output->stream = stdout;
        output->direct = true;
        output->standard = true;
    } else {
        output->path = output_resolve(path);
    }

    if (output->path == NULL) {
        output_error(path, "create", ENOMEM, error);
        output_free(output);
        return NULL;
    }
    if (!output->standard && output_open_file(output, error) != 0) {
        output_free(output);
        return NULL;
    }
    return output;
}

FILE *output_stream(struct output *output)
{
    return output->stream;
}

/* Everything written has reached the disk, or an error. A pipe or a device cannot be synchronized
 * (EINVAL, EROFS): they have what they are given. */
static int output_flush(struct output *output, struct error *error)
{
    bool failed = ferror(output->stream);

    errno = 0;
    if (fflush(output->stream) != 0)
        return output_error(output->path, "write", errno, error);
    if (failed)
        return error_set(error, "%s: cannot write: an earlier write failed%s%s", output->path,
                         errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    if (!output->direct && fsync(fileno(output->stream)) != 0)
        return output_error(output->path, "write", errno, error);
    return 0;
}

static int output_close(struct output *output, struct error *error)
{
    FILE *stream = output->stream;

    if (output->standard)
        return 0;

    output->stream = NULL;
    if (fclose(stream) != 0)
        return output_error(output->path, "write", errno, error);
    return 0;
}

static int output_name(struct output *output, struct error *error)
{
    if (output->direct)
        return 0;

    if (rename(output->temporary, output->path) != 0)
        return output_error(output->path, "create", errno, error);

    free(output->temporary);
    output->temporary = NULL;
    output_sync_folder(output->path);
    return 0;
}

int output_commit(struct output *output, struct error *error)
{
    int result = output_flush(output, error);

    if (result == 0 && !output->direct && output_link(output) != 0)
        result = output_error(output->path, "create", errno, error);
    if (result == 0)
        result = output_close(output, error);
    if (result == 0)
        result = output_name(output, error);

    output_free(output);
    return result;
}

void output_abort(struct output *output)
{
    if (output != NULL)
        output_free(output);
}
