# The image of one app, named by the build argument APP: its production tree, the tools that it starts, nothing else.
#
#   docker build --build-arg APP=ansible-worker -t switchyard/ansible-worker:0.1.0 .
#
# Debian with glibc: Temporal's native part has no build for musl.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG APP

# ---- what npm needs to know: its layer changes only when a package.json or the lock file does ------------------------
FROM ${NODE_IMAGE} AS manifests
WORKDIR /all
COPY . .
RUN mkdir /manifests \
    && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents {} /manifests/ \; \
    && cp package-lock.json /manifests/

FROM ${NODE_IMAGE} AS deps
WORKDIR /src
COPY --from=manifests /manifests/ ./
# Nothing that is built here needs the install scripts of others.
RUN npm ci --ignore-scripts --no-audit --no-fund

# ---- build the app and its libraries, and take out what runs ---------------------------------------------------------
FROM deps AS build
ARG APP
ENV NX_DAEMON=false NX_TUI=false
COPY . .
RUN npx --no-install nx run-many -t build bundle --projects="@switchyard/${APP}" --outputStyle=static
RUN node tools/prune.ts "${APP}" /out \
    && if [ "${APP}" = cli ]; then install -D -m 0644 tools/migrate-store.ts /out/tools/migrate-store.ts; fi \
    && ln -s "apps/${APP}/dist/main.js" /out/main.js

# ---- what every image holds ------------------------------------------------------------------------------------------
FROM ${NODE_IMAGE} AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 1000 -g 1000 /var/lib/switchyard /srv/projects /var/backups/switchyard
ENV NODE_ENV=production HOME=/var/lib/switchyard
WORKDIR /srv/switchyard

# ---- the tools of each app: the stage tools-<app> ---------------------------------------------------------------------
FROM runtime AS tools-coordinator

FROM runtime AS tools-cdc-worker

FROM runtime AS tools-integration-worker

FROM runtime AS tools-kubernetes-worker

FROM runtime AS tools-gateway

FROM runtime AS tools-cli
# Where the command looks for the packages of its own version.
ENV SWITCHYARD_ROOT=/srv/switchyard

FROM runtime AS tools-ansible-worker
ARG ANSIBLE_CORE_VERSION=2.19.14
RUN apt-get update \
    && apt-get install -y --no-install-recommends git openssh-client python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/ansible \
    && /opt/ansible/bin/pip install --no-cache-dir "ansible-core==${ANSIBLE_CORE_VERSION}"
ENV SWITCHYARD_ANSIBLE_BIN=/opt/ansible/bin

FROM runtime AS tools-terraform-worker
ARG TERRAFORM_VERSION=1.11.4
ARG TERRAFORM_SHA256_AMD64=1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc
ARG TERRAFORM_SHA256_ARM64=a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl git openssh-client unzip \
    && rm -rf /var/lib/apt/lists/* \
    && arch="$(dpkg --print-architecture)" \
    && case "${arch}" in \
         amd64) digest="${TERRAFORM_SHA256_AMD64}" ;; \
         arm64) digest="${TERRAFORM_SHA256_ARM64}" ;; \
         *) echo "no checksum is pinned for ${arch}" >&2; exit 1 ;; \
       esac \
    && archive="terraform_${TERRAFORM_VERSION}_linux_${arch}.zip" \
    && curl -fsSL -o "/tmp/${archive}" "https://releases.hashicorp.com/terraform/${TERRAFORM_VERSION}/${archive}" \
    && echo "${digest}  /tmp/${archive}" | sha256sum -c - \
    && unzip -q "/tmp/${archive}" terraform -d /usr/local/bin \
    && rm "/tmp/${archive}"
ARG OPA_VERSION=1.20.2
ARG OPA_SHA256_AMD64=69da5179ee403d10fa11bab6cfb4ffb0d23dba5f9b682fa977db772a1da5670f
ARG OPA_SHA256_ARM64=431bed5a365578241ab06c7cc1c7d0cdff8c11dcbc6f12c3488590deb8b8d66d
RUN arch="$(dpkg --print-architecture)" \
    && case "${arch}" in \
         amd64) digest="${OPA_SHA256_AMD64}" ;; \
         arm64) digest="${OPA_SHA256_ARM64}" ;; \
         *) echo "no checksum is pinned for ${arch}" >&2; exit 1 ;; \
       esac \
    && curl -fsSL -o /usr/local/bin/opa \
         "https://github.com/open-policy-agent/opa/releases/download/v${OPA_VERSION}/opa_linux_${arch}_static" \
    && echo "${digest}  /usr/local/bin/opa" | sha256sum -c - \
    && chmod 755 /usr/local/bin/opa
ENV CHECKPOINT_DISABLE=1

FROM runtime AS tools-migration-worker
# The client programs must be of the server's major version or a later one; Debian's own are 15.
ARG PG_MAJOR=18
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y --no-install-recommends "postgresql-client-${PG_MAJOR}" \
    && rm -rf /var/lib/apt/lists/*
COPY --from=deps /src/node_modules/liquibase/dist/liquibase/internal/lib/ /opt/liquibase/
ENV SWITCHYARD_LIQUIBASE_HOME=/opt/liquibase SWITCHYARD_PG_BIN=/usr/lib/postgresql/${PG_MAJOR}/bin

# ---- the image --------------------------------------------------------------------------------------------------------
FROM tools-${APP} AS image
# Owned by root and only read: what runs cannot change its own program.
COPY --from=build /out/ ./
USER 1000:1000
# The first process hands signals on and collects the orphans that tools leave.
ENTRYPOINT ["tini", "--"]
CMD ["node", "main.js"]
