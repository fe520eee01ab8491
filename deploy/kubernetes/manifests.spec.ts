import { describe, expect, it } from '@jest/globals';
import { Deployment, type IDeployment } from 'kubernetes-models/apps/v1';
import {
  HorizontalPodAutoscaler,
  type IHorizontalPodAutoscaler,
} from 'kubernetes-models/autoscaling/v2';
import { type IJob, Job } from 'kubernetes-models/batch/v1';
import { type INetworkPolicy, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { type IPodDisruptionBudget, PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { type ISecret, type IService, Secret, Service } from 'kubernetes-models/v1';
import { readdirSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

import { Environment } from '../../src/config/environment.js';
import { shutdownSeconds, unknownVariables } from '../settings.js';
import { readYaml } from '../yaml.js';

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly name: string; readonly envs: string[] }[];
  readonly images: readonly {
    readonly name: string;
    readonly newTag?: string;
    readonly digest?: string;
  }[];
}

const DIRECTORY = 'deploy/kubernetes';
const KINDS = [
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  NetworkPolicy,
  PodDisruptionBudget,
  Secret,
  Service,
];
/** PostgreSQL's default max_connections (100) minus superuser_reserved_connections (3). */
const MAX_CONNECTIONS = 97;

function read(file: string): unknown {
  return readYaml(`${DIRECTORY}/${file}`);
}

const kustomization = read('kustomization.yaml') as Kustomization;
const deployment = read('deployment.yaml') as IDeployment;
const service = read('service.yaml') as IService;
const autoscaler = read('horizontal-pod-autoscaler.yaml') as IHorizontalPodAutoscaler;
const budget = read('pod-disruption-budget.yaml') as IPodDisruptionBudget;
const policy = read('network-policy.yaml') as INetworkPolicy;
const job = read('migration-job.yaml') as IJob;
const secret = read('secret.example.yaml') as ISecret;

const settings = parseEnv(readFileSync(`${DIRECTORY}/settings.env`, 'utf8'));
const pods = deployment.spec?.template;
const migrationPods = job.spec?.template;
const [container] = pods?.spec?.containers ?? [];
const [migration] = migrationPods?.spec?.containers ?? [];

/** Copies a value, adds the path of every field to `unseen`, and removes a path when the field is read. */
function watch(value: unknown, path: string, unseen: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy: object = Array.isArray(value) ? [] : {};
  for (const [key, field] of Object.entries(value)) {
    unseen.add(`${path}.${key}`);
    Reflect.set(copy, key, watch(field, `${path}.${key}`, unseen));
  }
  return new Proxy(copy, {
    get: (target, key): unknown => {
      unseen.delete(`${path}.${String(key)}`);
      return Reflect.get(target, key);
    },
  });
}

/** The errors that an API server with strict field validation would report. */
function errorsOf(manifest: unknown): string[] {
  const { apiVersion, kind } = manifest as { apiVersion: string; kind: string };
  const known = KINDS.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (known === undefined) return [`${apiVersion} ${kind} is not supported by this test`];
  const unseen = new Set<string>();
  try {
    // The validator reads exactly the fields that are in the schema.
    known.prototype.validate.call(watch(manifest, kind, unseen));
  } catch (error) {
    return [(error as Error).message];
  }
  return [...unseen].map((path) => `${path} is unknown`);
}

function matches(
  selector: Readonly<Record<string, string>> | undefined,
  template: typeof pods,
): boolean {
  const labels = template?.metadata?.labels ?? {};
  return Object.entries(selector ?? { nothing: '' }).every(
    ([name, value]) => labels[name] === value,
  );
}

describe('The Kubernetes manifests', () => {
  it.each([...kustomization.resources, 'secret.example.yaml'])('%s is valid', (file) => {
    expect(errorsOf(read(file))).toEqual([]);
  });

  it('with unknown or invalid fields are rejected by this test', () => {
    const broken = structuredClone(deployment) as unknown as {
      spec: { template: { spec: Record<string, unknown> } };
    };
    broken.spec.template.spec.terminationGracePeriodSecond = 30;
    expect(errorsOf(broken)).toEqual([
      'Deployment.spec.template.spec.terminationGracePeriodSecond is unknown',
    ]);
    broken.spec.template.spec.containers = [{ name: 'x', ports: [{ containerPort: 'http' }] }];
    expect(errorsOf(broken)[0]).toContain('/containers/0/ports/0/containerPort must be integer');
  });

  it('are all in the kustomization, except the example Secret', () => {
    const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.yaml'));
    expect([...kustomization.resources].sort()).toEqual(
      files.filter((file) => !['kustomization.yaml', 'secret.example.yaml'].includes(file)).sort(),
    );
  });

  it('set no namespace', () => {
    for (const file of kustomization.resources) {
      expect(read(file)).not.toHaveProperty('metadata.namespace');
    }
  });

  it('run the image of the kustomization, pinned by version or digest', () => {
    const [image] = kustomization.images;
    expect([container?.image, migration?.image]).toEqual([image?.name, image?.name]);
    expect(image?.digest ?? image?.newTag).toMatch(/^(\d+\.\d+\.\d+|sha256:[0-9a-f]{64})$/);
  });

  it('select the pods of the service, not those of the migrations', () => {
    const selectors = [
      deployment.spec?.selector.matchLabels,
      service.spec?.selector,
      budget.spec?.selector?.matchLabels,
      ...(pods?.spec?.topologySpreadConstraints ?? []).map(
        ({ labelSelector }) => labelSelector?.matchLabels,
      ),
    ];
    for (const selector of selectors) {
      expect([matches(selector, pods), matches(selector, migrationPods)]).toEqual([true, false]);
    }
    expect(autoscaler.spec?.scaleTargetRef).toEqual({
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata?.name,
    });
  });
});

describe('The pods', () => {
  it.each([
    ['service', pods],
    ['migrations', migrationPods],
  ])('of the %s run with limited privileges', (_, template) => {
    expect(template?.spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: expect.any(Number),
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    for (const { securityContext, resources } of template?.spec?.containers ?? []) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const amounts = { cpu: expect.any(String), memory: expect.any(String) };
      expect(resources).toEqual({ requests: amounts, limits: amounts });
    }
  });

  it('listen on the port that the Service, the probes and the network policy use', () => {
    const { PORT } = new Environment();
    expect(settings.PORT).toBeUndefined();
    expect(container?.ports).toEqual([{ name: 'http', containerPort: PORT }]);
    expect(service.spec?.ports?.map(({ targetPort }) => targetPort)).toEqual(['http']);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      expect(container?.[probe]?.httpGet?.port).toBe('http');
    }
    expect(policy.spec?.ingress?.flatMap(({ ports }) => ports)).toEqual([
      { port: 'http', protocol: 'TCP' },
    ]);
  });

  it('restart by liveness, and receive requests by readiness', () => {
    expect(container?.startupProbe?.httpGet?.path).toBe('/health/live');
    expect(container?.livenessProbe?.httpGet?.path).toBe('/health/live');
    expect(container?.readinessProbe?.httpGet?.path).toBe('/health/ready');
  });

  it('have enough time to shut down', () => {
    const variables = { ...settings, ...secret.stringData };
    expect(shutdownSeconds(variables)).toBeLessThanOrEqual(
      pods?.spec?.terminationGracePeriodSeconds ?? 0,
    );
  });

  it('leave the Service before they stop accepting requests', () => {
    const { periodSeconds = 10, failureThreshold = 3 } = container?.readinessProbe ?? {};
    const delay = Number(settings.SHUTDOWN_DELAY_MS ?? new Environment().SHUTDOWN_DELAY_MS);
    expect(periodSeconds * failureThreshold * 1000).toBeLessThan(delay);
  });

  it('never get fewer during a rollout, nor exceed the connections of PostgreSQL', () => {
    const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
    expect([maxSurge, maxUnavailable]).toEqual([1, 0]);
    // A number of replicas here would override the autoscaler.
    expect(deployment.spec?.replicas).toBeUndefined();
    expect(autoscaler.spec?.minReplicas).toBeGreaterThan(1);
    const pool = Number(settings.DATABASE_POOL_MAX ?? new Environment().DATABASE_POOL_MAX);
    const most = (autoscaler.spec?.maxReplicas ?? Infinity) + 1;
    expect(most * pool).toBeLessThanOrEqual(MAX_CONNECTIONS);
  });
});

describe('The settings of the pods', () => {
  it('are variables that the service reads', () => {
    const secrets = Object.keys(secret.stringData ?? {});
    expect(unknownVariables([...Object.keys(settings), ...secrets])).toEqual([]);
    expect(secrets.filter((name) => name in settings)).toEqual([]);
  });

  it('come from the ConfigMap and the Secret of these files', () => {
    const [generator] = kustomization.configMapGenerator;
    expect(generator?.envs).toEqual(['settings.env']);
    expect(container?.envFrom).toEqual([
      { configMapRef: { name: generator?.name } },
      { secretRef: { name: secret.metadata?.name } },
    ]);
    for (const { name, valueFrom } of migration?.env ?? []) {
      expect(valueFrom?.secretKeyRef).toEqual({ name: secret.metadata?.name, key: name });
      expect(Object.keys(secret.stringData ?? {})).toContain(name);
    }
    expect(migration?.env?.map(({ name }) => name)).toContain('MIGRATION_DATABASE_URL');
  });
});

describe('The network policy', () => {
  it('allows egress only to DNS, PostgreSQL, Redis and the partners', () => {
    expect(policy.spec?.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(matches(policy.spec?.podSelector.matchLabels, pods)).toBe(true);
    expect(matches(policy.spec?.podSelector.matchLabels, migrationPods)).toBe(true);
    const ports = policy.spec?.egress?.flatMap(({ ports: open = [] }) => open);
    expect(ports?.map(({ port, protocol }) => `${String(port)}/${protocol ?? 'TCP'}`)).toEqual([
      '53/UDP',
      '53/TCP',
      '5432/TCP',
      '6379/TCP',
      '443/TCP',
    ]);
  });

  it('allows ingress from the ingress controller and Prometheus', () => {
    const sources = policy.spec?.ingress?.flatMap(({ from = [] }) => from);
    expect(sources?.map(({ namespaceSelector }) => namespaceSelector?.matchLabels)).toEqual([
      { 'kubernetes.io/metadata.name': 'ingress-nginx' },
      { 'kubernetes.io/metadata.name': 'monitoring' },
    ]);
  });
});
