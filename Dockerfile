# syntax=docker/dockerfile:1
# What builds, what fetches, and what runs. What runs is one binary and one library, no shell, no package manager, no root, nothing written outside /var/lib/sidewall.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY rulesets rulesets
# Benches and tests are named in Cargo.toml; cargo only wants them to exist.
COPY benches benches
COPY tests tests
RUN cargo build --locked --release --bin sidewall \
 && mkdir -p /out/var/lib/sidewall/audit /out/etc/sidewall

# ONNX Runtime's shared library, out of its Python wheel.
FROM python:3.13-slim-bookworm AS runtime
COPY scripts/fetch_runtime.py /fetch_runtime.py
RUN python /fetch_runtime.py /runtime

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/sidewall /usr/local/bin/sidewall
# Next to the program, where it looks for it; `[classifier] model = "/usr/share/sidewall/models/injection"` switches the classifier on.
COPY --from=runtime /runtime/libonnxruntime.so /usr/local/bin/libonnxruntime.so
COPY models/injection /usr/share/sidewall/models/injection
COPY --from=build --chown=65532:65532 /out/var/lib/sidewall /var/lib/sidewall
COPY --from=build --chown=65532:65532 /out/etc/sidewall /etc/sidewall
USER 65532:65532
# The root file system is meant to be mounted read-only (`--read-only`, `readOnlyRootFilesystem: true`); the audit log is the one thing written.
VOLUME ["/var/lib/sidewall"]
EXPOSE 8787 8788
ENTRYPOINT ["/usr/local/bin/sidewall"]
CMD ["serve", "--config", "/etc/sidewall/sidewall.toml"]
