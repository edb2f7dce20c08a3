/* What browsers, programs and servers send, and what is allowed: the same for all programs here. */
#ifndef BENCH_HEADS_H
#define BENCH_HEADS_H

#include "http/h1_head.h"

static const char browser[] =
    "GET /online/orders?page=2&sort=-created_at HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Google Chrome\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    "\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Referer: https://shop.example.com/online/orders\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=all\r\n\r\n";

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Server: nginx\r\n"
                             "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
                             "Content-Type: application/json\r\n"
                             "Content-Length: 1843\r\n"
                             "Cache-Control: no-store\r\n"
                             "Vary: Accept-Encoding\r\n\r\n";

static const struct http_limits limits = {
    .header_bytes = 64 * 1024, .header_fields = 100, .target_bytes = 16 * 1024};

#endif
