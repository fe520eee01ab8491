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
/** What PostgreSQL allows unless told otherwise, less those kept for its superuser. */
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

/** A copy that forgets the name of each field as soon as the field is looked at. */
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

/** What an API server that is strict about fields has against a manifest. */
function faults(manifest: unknown): string[] {
  const { apiVersion, kind } = manifest as { apiVersion: string; kind: string };
  const known = KINDS.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (known === undefined) return [`${apiVersion} ${kind} is not known here`];
  const unseen = new Set<string>();
  try {
    // The validator of a schema looks at every field that the schema has, and at no other.
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

describe('The manifests', () => {
  it.each([...kustomization.resources, 'secret.example.yaml'])('%s is valid', (file) => {
    expect(faults(read(file))).toEqual([]);
  });

  it('are held to their schema, and to the fields it has', () => {
    const broken = structuredClone(deployment) as unknown as {
      spec: { template: { spec: Record<string, unknown> } };
    };
    broken.spec.template.spec.terminationGracePeriodSecond = 30;
    expect(faults(broken)).toEqual([
      'Deployment.spec.template.spec.terminationGracePeriodSecond is unknown',
    ]);
    broken.spec.template.spec.containers = [{ name: 'x', ports: [{ containerPort: 'http' }] }];
    expect(faults(broken)[0]).toContain('/containers/0/ports/0/containerPort must be integer');
  });

  it('are all applied, but for the example of a secret', () => {
    const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.yaml'));
    expect([...kustomization.resources].sort()).toEqual(
      files.filter((file) => !['kustomization.yaml', 'secret.example.yaml'].includes(file)).sort(),
    );
  });

  it('name no namespace', () => {
    for (const file of kustomization.resources) {
      expect(read(file)).not.toHaveProperty('metadata.namespace');
    }
  });

  it('run the one image that the kustomization names, by what stays the same', () => {
    const [image] = kustomization.images;
    expect([container?.image, migration?.image]).toEqual([image?.name, image?.name]);
    expect(image?.digest ?? image?.newTag).toMatch(/^(\d+\.\d+\.\d+|sha256:[0-9a-f]{64})$/);
  });

  it('select the pods of the service, and not those of the migrations', () => {
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
  ])('of the %s may do nothing that they need not', (_, template) => {
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

  it('listen on the port that the Service, the probes and the policy name', () => {
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

  it('are restarted only when the process is stuck, and asked for only when it is ready', () => {
    expect(container?.startupProbe?.httpGet?.path).toBe('/health/live');
    expect(container?.livenessProbe?.httpGet?.path).toBe('/health/live');
    expect(container?.readinessProbe?.httpGet?.path).toBe('/health/ready');
  });

  it('have time to shut down', () => {
    const variables = { ...settings, ...secret.stringData };
    expect(shutdownSeconds(variables)).toBeLessThanOrEqual(
      pods?.spec?.terminationGracePeriodSeconds ?? 0,
    );
  });

  it('are said not to be ready before they close', () => {
    const { periodSeconds = 10, failureThreshold = 3 } = container?.readinessProbe ?? {};
    const delay = Number(settings.SHUTDOWN_DELAY_MS ?? new Environment().SHUTDOWN_DELAY_MS);
    expect(periodSeconds * failureThreshold * 1000).toBeLessThan(delay);
  });

  it('are never fewer during a rollout, and never take more connections than there are', () => {
    const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
    expect([maxSurge, maxUnavailable]).toEqual([1, 0]);
    // The autoscaler's number is not to be undone.
    expect(deployment.spec?.replicas).toBeUndefined();
    expect(autoscaler.spec?.minReplicas).toBeGreaterThan(1);
    const pool = Number(settings.DATABASE_POOL_MAX ?? new Environment().DATABASE_POOL_MAX);
    const most = (autoscaler.spec?.maxReplicas ?? Infinity) + 1;
    expect(most * pool).toBeLessThanOrEqual(MAX_CONNECTIONS);
  });
});

describe('The settings', () => {
  it('are variables that the service reads', () => {
    const secrets = Object.keys(secret.stringData ?? {});
    expect(unknownVariables([...Object.keys(settings), ...secrets])).toEqual([]);
    expect(secrets.filter((name) => name in settings)).toEqual([]);
  });

  it('come from what the kustomization and the example of a secret make', () => {
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

describe('The network', () => {
  it('lets out to names, PostgreSQL, Redis and partners, and nowhere else', () => {
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

  it('lets in the ingress controller and Prometheus', () => {
    const sources = policy.spec?.ingress?.flatMap(({ from = [] }) => from);
    expect(sources?.map(({ namespaceSelector }) => namespaceSelector?.matchLabels)).toEqual([
      { 'kubernetes.io/metadata.name': 'ingress-nginx' },
      { 'kubernetes.io/metadata.name': 'monitoring' },
    ]);
  });
});
