/** Schedules and queued work, for an operator to look at; and a schedule run by hand. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { contextOf, principalOf } from '../http/context'
import { answer, moment } from '../http/fields'
import { type Failures, problems, unwrap } from '../http/problem'
import type { RouteWords } from '../http/route'
import { isoOrNull } from '../moment'
import type { KindReport, Queue } from '../queue'
import type { Jobs, ScheduleReport } from '.'
import type { BeginCode } from './schedules'

export interface WorkParts {
  jobs: Pick<Jobs, 'report' | 'begin'>
  queue: Pick<Queue, 'report'>
  /** Adds to the audit log. */
  noted(entry: { actor: string; action: string; subject: string; address: string }): Promise<void>
}

const failures: Failures<BeginCode> = {
  schedule_not_found: { status: 404, title: 'There is no schedule of this name.' },
  schedule_under_way: { status: 409, title: 'This schedule is under way already.' },
}

const orNull = <Schema extends typeof moment | ReturnType<typeof Type.String>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const workModel = answer(
  {
    schedules: Type.Array(
      Type.Object({
        name: Type.String(),
        pattern: Type.String({ description: 'A cron pattern, with seconds if it has six parts.' }),
        timeZone: Type.String({ description: 'The IANA name of the zone whose clocks the pattern means.' }),
        missed: Type.Union([Type.Literal('skip'), Type.Literal('run_once')], {
          description: 'What is done about moments that passed while nobody was there.',
        }),
        lastStartedAt: orNull(moment),
        lastEndedAt: orNull(moment),
        lastOutcome: Type.Union([
          Type.Literal('done'),
          Type.Literal('failed'),
          Type.Literal('under_way'),
          Type.Literal('interrupted'),
          Type.Null(),
        ]),
        error: orNull(Type.String()),
        nextAt: orNull(moment),
      }),
    ),
    kinds: Type.Array(
      Type.Object({
        kind: Type.String(),
        waiting: Type.Integer({ description: 'All that is not dead: due, under way, or to be done later.' }),
        due: Type.Integer(),
        underWay: Type.Integer(),
        dead: Type.Integer(),
        oldestDueAt: orNull(moment),
      }),
    ),
  },
  {
    schedules: [
      {
        name: 'platform.backup',
        pattern: '41 * * * *',
        timeZone: 'UTC',
        missed: 'run_once',
        lastStartedAt: '2026-11-24T08:41:00.000Z',
        lastEndedAt: '2026-11-24T08:41:02.180Z',
        lastOutcome: 'done',
        error: null,
        nextAt: '2026-11-24T09:41:00.000Z',
      },
    ],
    kinds: [
      {
        kind: 'event:notifications',
        waiting: 3,
        due: 0,
        underWay: 2,
        dead: 1,
        oldestDueAt: '2026-11-24T09:29:58.412Z',
      },
    ],
  },
)

export function workRoutes({ jobs, queue, noted }: WorkParts, { route }: RouteWords) {
  return new Elysia({ name: 'work', normalize: false })
    .get(
      '/work',
      async () => {
        const [schedules, kinds] = await Promise.all([jobs.report(), queue.report()])
        return workView(schedules, kinds)
      },
      {
        ...route({
          scopes: ['work:manage'],
          tag: 'Operator',
          summary: 'Schedules and queued work',
          description:
            'When each schedule ran last, how that ended, and when it runs next; and what waits in the queue, by kind. ' +
            '`kumbu jobs` shows the same.',
        }),
        response: { 200: workModel },
      },
    )
    .post(
      '/work/schedules/:name/run',
      async ({ request, params: { name }, set }) => {
        unwrap(await jobs.begin(name), failures)
        await noted({
          actor: principalOf(request).userId,
          action: 'schedule.run',
          subject: name,
          address: contextOf(request).address,
        })
        set.status = 202
        return {}
      },
      {
        ...route({
          scopes: ['work:manage'],
          tag: 'Operator',
          summary: 'Run a schedule now',
          description:
            'Answers when the run has begun; GET /api/v1/work tells how it ended. Its next turn stays as it is.',
        }),
        params: Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }),
        response: { 202: Type.Object({}), ...problems(failures, 'schedule_not_found', 'schedule_under_way') },
      },
    )
}

/** The same for the command line. */
export function workView(schedules: readonly ScheduleReport[], kinds: readonly KindReport[]) {
  return {
    schedules: schedules.map((said) => ({
      ...said,
      lastStartedAt: isoOrNull(said.lastStartedAt),
      lastEndedAt: isoOrNull(said.lastEndedAt),
      nextAt: isoOrNull(said.nextAt),
    })),
    kinds: kinds.map((counted) => ({ ...counted, oldestDueAt: isoOrNull(counted.oldestDueAt) })),
  }
}
