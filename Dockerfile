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
# The flags tune garbage collection for a small heap: about 50 MiB stay alive.
# - max-old-space-size: without a limit, garbage grows to four times the live heap.
# - max-semi-space-size (three spaces of 16 MiB): with half of it, requests in flight survive a young collection.
# - no-allocation-site-pretenuring: pretenured objects keep the data of finished requests alive.
# - heap-growing-percent: under this limit V8 would let the heap grow by a third only, and collect too often.
# - v8-pool-size: four collector threads on two cores delay requests.
# Node is process 1, so it receives SIGTERM and drains. The image has no HEALTHCHECK, because each platform has its own
# health check (deploy/).
CMD ["node", "--max-old-space-size=192", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=60", "--v8-pool-size=1", "dist/main.js"]
