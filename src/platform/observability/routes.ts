/** What machines ask that watch over this one: does it live, can it serve, how is it doing. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf } from '../http/context'
import { answer } from '../http/fields'
import { httpProblem } from '../http/problem'
import type { RouteWords } from '../http/route'
import type { Queue } from '../queue'
import { sameHash } from '../security/keyring'
import { type Dependency, readiness } from './health'
import type { Metrics } from './metrics'

export interface SystemOptions {
  version: string
  dependencies: readonly Dependency[]
  metrics: Metrics
  queue: Queue
  /** What `/metrics` asks for; without one it answers the loopback address only. */
  metricsToken: string | undefined
}

const LOOPBACK = /^(127\.|0:0:0:0::\/64$)/

const healthModel = answer({ status: Type.Literal('ok'), version: Type.String() }, { status: 'ok', version: '0.1.0' })

const readyModel = answer(
  {
    ready: Type.Boolean(),
    dependencies: Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('off')]),
        detail: Type.Optional(Type.String()),
      }),
    ),
  },
  { ready: true, dependencies: [{ name: 'database', state: 'up', detail: 'sqlite' }] },
)

export function systemRoutes(
  { version, dependencies, metrics, queue, metricsToken }: SystemOptions,
  { route }: RouteWords,
) {
  function admitToMetrics(request: Request): void {
    if (metricsToken === undefined) {
      if (LOOPBACK.test(contextOf(request).address)) return
      throw httpProblem('route_not_found')
    }
    const given = request.headers.get('authorization') ?? ''
    if (!sameHash(given, `Bearer ${metricsToken}`)) throw httpProblem('unauthenticated')
  }

  return new Elysia({ name: 'system', normalize: false })
    .get('/health', () => ({ status: 'ok' as const, version }), {
      ...route({ scopes: 'public', tag: 'System', summary: 'Whether the process lives' }),
      response: { 200: healthModel },
    })
    .get(
      '/ready',
      async ({ set }) => {
        const state = await readiness(dependencies)
        if (!state.ready) set.status = 503
        return state
      },
      {
        ...route({
          scopes: 'public',
          tag: 'System',
          summary: 'Whether it can serve, and the state of each thing it stands on',
        }),
        response: { 200: readyModel, 503: readyModel },
      },
    )
    .get(
      '/metrics',
      async ({ request }) => {
        admitToMetrics(request)
        const { waiting, dead } = await queue.counts()
        metrics.workWaiting.set({ state: 'waiting' }, waiting)
        metrics.workWaiting.set({ state: 'dead' }, dead)
        return new Response(await metrics.registry.metrics(), {
          headers: { 'content-type': metrics.registry.contentType },
        })
      },
      {
        ...route({
          scopes: 'public',
          tag: 'System',
          summary: 'Figures for Prometheus',
          description:
            'Answers the loopback address only, unless KUMBU_METRICS_TOKEN is set: then whoever sends that token.',
        }),
        response: {
          200: Type.String({ examples: ['kumbu_http_requests_total{method="GET",route="/health",status="200"} 1'] }),
        },
      },
    )
}
