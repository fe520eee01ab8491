# syntax=docker/dockerfile:1
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json .swcrc bundle.js ./
COPY migrations ./migrations
COPY src ./src
RUN npm run build

FROM base AS dependencies
# Optional dependencies, such as the TypeScript compiler, are for development only.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
# The account node by number, because Kubernetes cannot verify that a name is not root.
USER 1000:1000
EXPOSE 3000
# Heap sizes for 256 MB (docs/adr/0003-plain-bundle.md). Without them Node.js derives both from the memory of the machine.
# Node is process 1, so it receives SIGTERM and drains. The image has no HEALTHCHECK, because each platform has its own
# health check (deploy/).
CMD ["node", "--max-old-space-size=192", "--max-semi-space-size=16", "dist/main.js"]
