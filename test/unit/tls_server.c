/* A small HTTPS server on loopback for tests, with a certificate of its own making.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls_server.h"

#define CONNECTIONS_MAX 64
#define REQUEST_MAX 65536

typedef struct {
    tls_server_t *server;
    pthread_t thread;
    int fd;
} connection_t;

struct tls_server_t {
    SSL_CTX *context;
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t mutex; /* over the connections' descriptors */
    connection_t connections[CONNECTIONS_MAX];
    atomic_int count;
};

static void must(int is_well, const char *what)
{
    if (!is_well) {
        fprintf(stderr, "tls_server: %s failed\n", what);
        abort();
    }
}

static X509 *make_certificate(EVP_PKEY *key, const tls_server_certificate_t *wanted)
{
    X509 *x509 = X509_new();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), wanted->not_before);
    X509_gmtime_adj(X509_getm_notAfter(x509), wanted->not_after);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    char names[300];
    snprintf(names, sizeof names, "%s:%s", wanted->name != NULL ? "DNS" : "IP",
             wanted->name != NULL ? wanted->name : "127.0.0.1");
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    must(extension != NULL && X509_add_ext(x509, extension, -1), "subjectAltName");
    X509_EXTENSION_free(extension);
    must(X509_sign(x509, key, EVP_sha256()) > 0, "X509_sign");
    return x509;
}

static SSL_CTX *make_context(const tls_server_certificate_t *wanted, const char *pem_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL, "EVP_EC_gen");
    X509 *x509 = make_certificate(key, wanted);
    FILE *file = fopen(pem_file, "w");
    must(file != NULL && PEM_write_X509(file, x509), "writing the certificate");
    fclose(file);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate(context, x509) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1,
         "SSL_CTX");
    X509_free(x509);
    EVP_PKEY_free(key);
    return context;
}

static int say(SSL *ssl, const char *text)
{
    return SSL_write(ssl, text, (int)strlen(text)) > 0;
}

static void say_body(SSL *ssl, const char *headers, const char *body)
{
    char head[1024];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", headers,
             strlen(body));
    if (say(ssl, head)) {
        say(ssl, body);
    }
}

static void say_for_ever(SSL *ssl, const char *head, const char *piece)
{
    int goes_on = say(ssl, head);
    while (goes_on) {
        goes_on = say(ssl, piece);
    }
}

static void wait_for_end(SSL *ssl)
{
    char rest[256];
    while (SSL_read(ssl, rest, sizeof rest) > 0) {
    }
}

/* Returns 0 when the connection is to be closed. */
static int answer(SSL *ssl, const char *request)
{
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static char large[4200];
    char path[64] = "";
    (void)sscanf(request, "%*s %63s", path);
    int status;
    if (strcmp(path, "/ok") == 0) {
        say_body(ssl,
                 "Retry-After: 120\r\nLink: <https://a.example/1>;rel=\"index\"\r\n"
                 "LINK:<https://a.example/2>;rel=\"up\"  \r\n",
                 strncmp(request, "HEAD", 4) == 0 ? "" : "hello");
    }
    else if (strcmp(path, "/echo") == 0) {
        say_body(ssl, "", request);
    }
    else if (sscanf(path, "/status/%d", &status) == 1) {
        char head[128];
        snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", status);
        say(ssl, head);
    }
    else if (strcmp(path, "/chunks") == 0) {
        say(ssl, chunked);
        say(ssl, "4\r\none \r\n3\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n");
    }
    else if (strcmp(path, "/large") == 0) {
        snprintf(large, sizeof large, "1000\r\n%4096s\r\n", "");
        say_for_ever(ssl, chunked, large);
    }
    else if (strcmp(path, "/announced") == 0) {
        say(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
        wait_for_end(ssl);
    }
    else if (strcmp(path, "/headers") == 0) {
        say_for_ever(ssl, "HTTP/1.1 200 OK\r\n", "X-More: and more and more and more and more\r\n");
    }
    else if (strcmp(path, "/redirect") == 0) {
        say(ssl, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    }
    else if (strcmp(path, "/cut") == 0) {
        say(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        return 0;
    }
    else {
        wait_for_end(ssl);
        return 0;
    }
    return 1;
}

/* The whole request, NUL-terminated; 0 if the client went. */
static int read_request(SSL *ssl, char *request)
{
    int len = 0;
    for (;;) {
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        const char *length = strstr(request, "Content-Length: ");
        int body = length != NULL && length < end ? atoi(length + 16) : 0;
        if (end != NULL && len >= end + 4 - request + body) {
            return 1;
        }
        int got = SSL_read(ssl, request + len, REQUEST_MAX - 1 - len);
        if (got <= 0) {
            return 0;
        }
        len += got;
    }
}

static void *serve(void *data)
{
    connection_t *connection = data;
    SSL *ssl = SSL_new(connection->server->context);
    char *request = malloc(REQUEST_MAX);
    SSL_set_fd(ssl, connection->fd);
    if (SSL_accept(ssl) == 1) {
        while (read_request(ssl, request) && answer(ssl, request)) {
        }
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    free(request);
    pthread_mutex_lock(&connection->server->mutex);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->server->mutex);
    return NULL;
}

static void *accept_all(void *data)
{
    tls_server_t *server = data;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0 || server->count == CONNECTIONS_MAX) {
            return NULL;
        }
        connection_t *connection = &server->connections[server->count];
        connection->server = server;
        connection->fd = fd;
        must(pthread_create(&connection->thread, NULL, serve, connection) == 0, "pthread_create");
        ++server->count;
    }
}

/* see tls_server.h */
tls_server_t *tls_server_start(const tls_server_certificate_t *certificate, const char *pem_file)
{
    signal(SIGPIPE, SIG_IGN);
    tls_server_t *server = calloc(1, sizeof *server);
    must(server != NULL, "calloc");
    server->context = make_context(certificate, pem_file);
    pthread_mutex_init(&server->mutex, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    must(bind(server->listener, (struct sockaddr *)&address, len) == 0, "bind");
    must(listen(server->listener, 16) == 0, "listen");
    must(getsockname(server->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->thread, NULL, accept_all, server) == 0, "pthread_create");
    return server;
}

/* see tls_server.h */
int tls_server_port(const tls_server_t *server)
{
    return server->port;
}

/* see tls_server.h */
int tls_server_connections(const tls_server_t *server)
{
    return server->count;
}

/* see tls_server.h */
void tls_server_stop(tls_server_t *server)
{
    shutdown(server->listener, SHUT_RDWR); /* ends accept */
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (int i = 0; i < server->count; ++i) {
        pthread_mutex_lock(&server->mutex);
        if (server->connections[i].fd >= 0) {
            shutdown(server->connections[i].fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&server->mutex);
        pthread_join(server->connections[i].thread, NULL);
    }
    SSL_CTX_free(server->context);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
