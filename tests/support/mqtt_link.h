#ifndef MQTT_LINK_H
#define MQTT_LINK_H
/* The MQTT client on a real socket of this machine, for the tests against real brokers: it keeps what came of
 * it in plain fields. Also the few things about processes and ports that such a test needs. */
#include <sys/types.h>

#include "mqtt/pk_mqtt_client.h"

enum { LINK_TOKENS_MAX = 4096, LINK_WAIT_MS = 30000 };

struct link {
    struct pk_mqtt_client client;
    struct pk_mqtt_config config;
    uint8_t rx[65536], tx[65536];
    struct pk_mqtt_out_slot out[64];
    struct pk_mqtt_in_slot in[64];
    struct pk_mqtt_alias_slot aliases[4];
    int fd;
    bool is_session_present, is_refusing_to_ack;
    uint8_t last_reason, last_code;
    int connected, subscribed, disconnected, refused, errors;
    uint64_t done_tokens[LINK_TOKENS_MAX];
    int done;
    char message[8192]; /* the last one */
    struct pk_mqtt_event last;
    char topic[256], content_type[64], response_topic[64], correlation[64], user[128];
    int messages;
};

uint64_t link_now_ms(void);
void link_nap_ms(long ms);
/* A port of 127.0.0.1 that is nobody else's until this program ends; 0 when there is none. */
uint16_t link_free_port(void);
/* A connected socket that does not block; -1 when nobody listens. */
int link_dial(uint16_t port);
/* Starts argv[0] with its standard output and error in the file `log`. */
pid_t link_spawn(const char *log, char *const *argv);
void link_end_process(pid_t pid);
/* Session expiry 60 s, QoS 2 accepted, 64 slots each way; change `config` before link_open. */
void link_init(struct link *l, const char *client_id, enum pk_mqtt_version version);
/* As a cut: no DISCONNECT. */
void link_close(struct link *l);
void link_write(struct link *l);
/* One turn, waiting at most wait_ms for bytes. */
void link_turn(struct link *l, int wait_ms);
/* Turns until the counter has reached `want`; false after LINK_WAIT_MS. */
bool link_until(struct link *l, const int *counter, int want);
bool link_open(struct link *l, uint16_t port);
void link_leave(struct link *l);
/* One filter, and its answer grants what was asked for. */
bool link_subscribe(struct link *l, const char *filter, uint8_t qos);
struct pk_mqtt_publish link_message(const char *topic, const char *payload, uint8_t qos);
#endif
