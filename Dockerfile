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
# What is optional is for development too: the TypeScript compiler, for one.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
# The account node, by number: Kubernetes does not take a name's word that it is not root.
USER 1000:1000
EXPOSE 3000
# What is kept takes 50 MiB of the heap. Were there no limit, garbage would pile up to four times of it; with this one
# V8 alone would let it grow by a third, and collect all the time. What is young may take 48 MiB besides: with half of
# it, answers under way outlive a collection. Nothing is taken for old before it is: what V8 makes old too early holds
# on to all that a request has read, and collecting it took a third of the time. One thread collects beside the one
# that answers: four, on two cores, keep requests waiting.
# Node itself is process 1, so SIGTERM reaches it and the service drains. Its health is for what runs
# it to ask about, each in its own way (deploy/): the image has no HEALTHCHECK.
CMD ["node", "--max-old-space-size=192", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=60", "--v8-pool-size=1", "dist/main.js"]
