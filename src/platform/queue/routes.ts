/** What failed for good, for an operator to look at and replay. */
import { Type } from '@sinclair/typebox'
import { Elysia, t } from 'elysia'
import type { Tx } from '../db'
import { moment } from '../http/fields'
import { decodeCursor, limitOf, pageFrom, pageOf, pageQuery } from '../http/page'
import { type Failures, problems, unwrap } from '../http/problem'
import type { RouteWords } from '../http/route'
import { iso } from '../moment'
import { fail, ok } from '../result'
import type { Queue } from '.'

/** Adds to the audit log who asks for what, in the same transaction. */
type NotedBy = (request: Request) => (tx: Tx, action: string, subject: string) => Promise<void>

const failures: Failures<'work_not_found'> = {
  work_not_found: { status: 404, title: 'There is no dead work with this id.' },
}

const POSITION = /^\d{1,15}$/

const deadModel = pageOf(
  Type.Object({
    id: Type.Integer(),
    kind: Type.String(),
    attempts: Type.Integer(),
    lastError: Type.Union([Type.String(), Type.Null()]),
    createdAt: moment,
  }),
  [
    {
      items: [
        {
          id: 42,
          kind: 'event:notifications',
          attempts: 12,
          lastError: 'The database was away.',
          createdAt: '2026-11-24T09:30:00.000Z',
        },
      ],
      nextCursor: null,
    },
  ],
)

export function queueRoutes(queue: Queue, notedBy: NotedBy, { route }: RouteWords) {
  return new Elysia({ name: 'queue', normalize: false })
    .get(
      '/work/dead',
      async ({ query }) => {
        const limit = limitOf(query)
        const position = decodeCursor(query.cursor, POSITION)
        const rows = await queue.dead(limit + 1, position === undefined ? undefined : Number(position))
        const shown = rows.map(({ id, kind, attempts, lastError, createdAt }) => ({
          id,
          kind,
          attempts,
          lastError,
          createdAt: iso(createdAt),
        }))
        return pageFrom(shown, limit, ({ id }) => String(id))
      },
      {
        ...route({
          scopes: ['work:manage'],
          tag: 'Operator',
          summary: 'Work that failed for good, newest first',
          description: 'What it carries is not shown: it may hold a code.',
        }),
        query: Type.Object(pageQuery),
        response: { 200: deadModel },
      },
    )
    .post(
      '/work/dead/:workId/replay',
      async ({ params: { workId }, request, set }) => {
        const noted = notedBy(request)
        const replayed = await queue.replay(workId, (tx) => noted(tx, 'work.replay', String(workId)))
        unwrap(replayed ? ok(true) : fail('work_not_found'), failures)
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
