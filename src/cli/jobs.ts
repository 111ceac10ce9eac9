/** Schedules and queued work as the database knows them, also while an instance is serving. */
import { createApp } from '../app'
import type { Config } from '../config'
import { openReader, pathsOf } from '../platform/db'
import { reportSchedules, type ScheduleReport } from '../platform/jobs'
import { workView } from '../platform/jobs/routes'
import { type KindReport, reportKinds } from '../platform/queue'
import type { Verb } from '.'
import { scheduleBackups } from './backup'
import { locationOf } from './boot'
import { describingRuntime } from './describing'

export const jobs: Verb = {
  name: 'jobs',
  summary: 'Show the schedules, when each ran last and runs next, and what waits in the queue.',
  usage: 'jobs [--json] [--data ./data]',
  flags: { json: 'Print it as JSON, as GET /api/v1/work answers it.' },
  async run({ config, flags }) {
    const reader = openReader(locationOf(config))
    try {
      const now = Date.now()
      const schedules = await reportSchedules(reader.read, schedulesOf(config), now)
      const kinds = await reportKinds(reader.read, now)
      console.log(flags.json ? JSON.stringify(workView(schedules, kinds)) : asText(schedules, kinds))
      return 0
    } finally {
      await reader.close()
    }
  },
}

/** Only the program knows its schedules: it is put together as for serving, and started in no part. */
function schedulesOf(config: Config) {
  const runtime = describingRuntime()
  const app = createApp(config, runtime)
  scheduleBackups(app.jobs, config, { ...pathsOf(config.data), unlock() {} }, locationOf(config), runtime)
  return app.jobs.schedules()
}

function asText(schedules: ScheduleReport[], kinds: KindReport[]): string {
  const scheduleLines = schedules.map(
    ({ name, pattern, timeZone, missed, lastStartedAt, lastOutcome, error, nextAt }) => [
      name,
      pattern,
      timeZone,
      missed,
      shown(lastStartedAt, 'never'),
      lastOutcome === null ? '' : lastOutcome.replace('_', ' ') + (error === null ? '' : `: ${error}`),
      shown(nextAt, 'never'),
    ],
  )
  const kindLines = kinds.map(({ kind, waiting, due, underWay, dead, oldestDueAt }) => [
    kind,
    ...[waiting, due, underWay, dead].map(String),
    shown(oldestDueAt, ''),
  ])
  return [
    table(['schedule', 'pattern', 'zone', 'missed', 'last run', 'which ended', 'next run'], scheduleLines),
    '',
    kinds.length === 0
      ? 'Nothing waits in the queue.'
      : table(['queued work', 'waiting', 'due', 'under way', 'dead', 'oldest due'], kindLines),
  ].join('\n')
}

const shown = (at: number | null, otherwise: string) =>
  at === null
    ? otherwise
    : new Date(at)
        .toISOString()
        .replace('.000Z', 'Z')
        .replace(/\.\d+Z$/, 'Z')

function table(header: string[], rows: string[][]): string {
  // An error may hold a line break; a row is one line.
  const lines = [header, ...rows].map((cells) => cells.map((cell) => cell.replaceAll(/\s+/g, ' ')))
  const widths = header.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)))
  return lines
    .map((cells) =>
      cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
