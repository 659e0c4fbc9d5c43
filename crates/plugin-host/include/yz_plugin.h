/* The border between yizhan and its plugins: ABI 1.0.
 *
 * docs/plugin-abi.md explains it. Inside a major version the tables only grow at the end; a function that the other
 * side does not know is null or lies beyond its `size`.
 */
#ifndef YZ_PLUGIN_H
#define YZ_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YZ_ABI_MAJOR 1
#define YZ_ABI_MINOR 0

/* No document may be longer; larger things are artifacts. */
#define YZ_DOCUMENT_MAX 16777216u

/* What became of a call (complete) or of a request (yz_reply). */
#define YZ_DONE 0
#define YZ_FAILED 1
#define YZ_CANCELLED 2
/* Refused by the border. */
#define YZ_UNKNOWN_CALL (-1)
#define YZ_UNSUPPORTED (-2)
#define YZ_BAD_DOCUMENT (-3)
#define YZ_DENIED (-4)
#define YZ_TOO_LARGE (-5)

/* Kinds of emit. Unknown ones are ignored. */
#define YZ_EMIT_LOG 1u
#define YZ_EMIT_PROGRESS 2u
#define YZ_EMIT_HEARTBEAT 3u
#define YZ_EMIT_METRIC 4u
#define YZ_EMIT_CHUNK 5u

/* Why a call is cancelled. Unknown ones mean the first. */
#define YZ_CANCEL_ASKED 1u
#define YZ_CANCEL_TIMEOUT 2u
#define YZ_CANCEL_SHUTDOWN 3u

/* Stands first in every table; its layout is the same in all majors. */
typedef struct yz_header {
    uint32_t size; /* of the whole table, as the side that made it was built */
    uint16_t major;
    uint16_t minor;
    uint64_t features; /* for changed behaviour only */
} yz_header;

/* Borrowed until the function it was handed to returns. */
typedef struct yz_bytes {
    const uint8_t *ptr;
    size_t len;
} yz_bytes;

/* Owned by the receiver, who gives it back through `free`. */
typedef struct yz_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    void (*free)(uint8_t *ptr, size_t len, size_t cap);
} yz_buf;

/* Answers a request, once, from any thread. */
typedef void (*yz_reply)(void *user, int32_t status, yz_buf out);

/* What the host offers. Safe to call from any thread; never blocks. */
typedef struct yz_host {
    yz_header hdr;
    void *ctx;
    /* Exactly once a call; a late or second one gets YZ_UNKNOWN_CALL. */
    int32_t (*complete)(void *ctx, uint64_t call, int32_t status, yz_buf out);
    int32_t (*emit)(void *ctx, uint64_t call, uint32_t kind, yz_bytes json);
    int32_t (*request)(void *ctx, uint64_t call, yz_bytes op, yz_bytes json, void *user, yz_reply done);
    int32_t (*is_cancelled)(void *ctx, uint64_t call);
} yz_host;

/* What a plugin offers. Nothing in it blocks, nothing unwinds out of it. */
typedef struct yz_plugin {
    yz_header hdr;
    int32_t (*describe)(yz_buf *out);
    int32_t (*create)(const yz_host *host, yz_bytes config, void **inst, yz_buf *err);
    int32_t (*start)(void *inst, uint64_t call, yz_bytes action, yz_bytes ctx, yz_bytes input);
    void (*cancel)(void *inst, uint64_t call, uint32_t reason);
    /* Finish what is open, start nothing new, then complete this call. */
    void (*quiesce)(void *inst, uint64_t call);
    void (*destroy)(void *inst);
} yz_plugin;

/* The one exported symbol. `why` carries the refusal in words when null comes back. */
const yz_plugin *yz_plugin_entry_v1(const yz_header *host, yz_buf *why);

/* The note that says what the library is before any of its code runs. Once in a library, outside functions:
 *
 *   YZ_PLUGIN_NOTE("{\"id\":\"hello\",\"version\":\"1.0.0\",\"abi\":{\"major\":1,\"min\":0},\"actions\":[\"greet\"]}")
 */
#define YZ_PLUGIN_NOTE(json)                                                                    \
    __attribute__((used, section(".note.yzplugin"), aligned(4))) static const struct {          \
        uint32_t name_len, len, type;                                                           \
        char name[12];                                                                          \
        char document[(sizeof(json) + 3u) / 4u * 4u];                                           \
    } yz_plugin_note = {9u, sizeof(json), 1u, "YZPLUGIN", json};

#ifdef __cplusplus
}
#endif

#endif
