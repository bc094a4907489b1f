# Builds and runs `potts serve`:
#
#   docker build --tag potts .
#   docker run --publish 50051:50051 --publish 8080:8080 \
#     --env POTTS_DATABASE_URL --env POTTS_ROOT_TOKEN potts

FROM rust:1.95.0-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --locked --release --bin potts

FROM debian:bookworm-slim
# The authorities that certificates of databases and web servers are checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/potts /usr/local/bin/potts
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/potts/

# A number, so that a cluster that demands a user other than root can see that it is one.
RUN useradd --system --uid 10001 --home-dir /var/lib/potts --create-home potts
USER 10001

# Outside a container both listen on the loopback alone; in one, nobody could reach them there.
# Whoever listens for others must ask for a token: the one in POTTS_ROOT_TOKEN, or else the one
# that the service writes into its data directory on its first start. Mount a volume there to keep
# that token, and the private database if no POTTS_DATABASE_URL is given.
ENV POTTS_GRPC_ADDR=0.0.0.0:50051 \
    POTTS_HTTP_ADDR=0.0.0.0:8080 \
    POTTS_DATA_DIR=/var/lib/potts
VOLUME /var/lib/potts
EXPOSE 50051 8080

# No HEALTHCHECK: ask the gRPC health service, or /healthz and /readyz on the HTTP port.
ENTRYPOINT ["potts"]
CMD ["serve"]
