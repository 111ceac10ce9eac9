/** What failed for good, for an operator to look at and replay. */
import { Type } from '@sinclair/typebox'
import { Elysia, t } from 'elysia'
import { answer, moment } from '../http/fields'
import { type Failures, problems, unwrap } from '../http/problem'
import type { RouteWords } from '../http/route'
import { fail, ok } from '../result'
import type { Queue } from '.'

const failures: Failures<'work_not_found'> = {
  work_not_found: { status: 404, title: 'There is no dead work with this id.' },
}

const SHOWN = 100

const deadModel = answer(
  {
    items: Type.Array(
      Type.Object({
        id: Type.Integer(),
        kind: Type.String(),
        attempts: Type.Integer(),
        lastError: Type.Union([Type.String(), Type.Null()]),
        createdAt: moment,
      }),
    ),
  },
  {
    items: [
      {
        id: 42,
        kind: 'job:notifications.deliver',
        attempts: 8,
        lastError: 'connect ECONNREFUSED 127.0.0.1:587',
        createdAt: '2026-11-24T09:30:00.000Z',
      },
    ],
  },
)

export function queueRoutes(queue: Queue, { route }: RouteWords) {
  return new Elysia({ name: 'queue', normalize: false })
    .get(
      '/work/dead',
      async () => {
        const rows = await queue.dead(SHOWN)
        return {
          items: rows.map(({ id, kind, attempts, lastError, createdAt }) => ({
            id,
            kind,
            attempts,
            lastError,
            createdAt: new Date(createdAt).toISOString(),
          })),
        }
      },
      {
        ...route({
          scopes: ['work:manage'],
          tag: 'Operator',
          summary: 'Deliveries and jobs that failed for good',
          description: 'What they carry is not shown: it may hold a code.',
        }),
        response: { 200: deadModel },
      },
    )
    .post(
      '/work/dead/:workId/replay',
      async ({ params, set }) => {
        unwrap((await queue.replay(params.workId)) ? ok(true) : fail('work_not_found'), failures)
        set.status = 202
        return {}
      },
      {
        ...route({ scopes: ['work:manage'], tag: 'Operator', summary: 'Try it again, from the first attempt' }),
        params: Type.Object({ workId: t.Integer({ minimum: 1 }) }),
        response: { 202: Type.Object({}), ...problems(failures, 'work_not_found') },
      },
    )
}
