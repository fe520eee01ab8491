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
# Heap sizes for 256 MB (docs/adr/0003-plain-bundle.md). Without them Node.js derives both from the memory of the machine.
# Node itself is process 1, so SIGTERM reaches it and the service drains. Its health is for what runs
# it to ask about, each in its own way (deploy/): the image has no HEALTHCHECK.
CMD ["node", "--max-old-space-size=192", "--max-semi-space-size=16", "dist/main.js"]
