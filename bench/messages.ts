/**
 * A hundred thousand queued messages through a mail server, while the process is killed three times: how fast, how much
 * memory, and whether any is lost or comes twice. A receiver knows a repeat by its Message-ID, which stays the same;
 * how many repeats there were is said beside.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { createApp } from '../src/app'
import { boot, locationOf } from '../src/cli/boot'
import { loadConfig } from '../src/config'
import { openReader } from '../src/platform/db'
import { report } from './support/report'
import { residentMib, serve } from './support/server'

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 100_000)
const KILLS = [0.2, 0.45, 0.7]
const AT_ONCE = 500
const LOOK_MS = 250

export async function messages(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kumbu-bench-'))
  const sink = Bun.spawn([process.execPath, join(import.meta.dir, 'support/mail-sink.ts')], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  try {
    const [smtp = '', counts = ''] = (await firstLine(sink.stdout)).split(' ')
    const flags = { data: join(folder, 'data'), mode: 'production', 'smtp-url': smtp, 'log-level': 'silent' }
    const queuedMs = await queue(flags)
    const seen = async () => (await (await fetch(counts)).json()) as { taken: number; distinct: number }
    const memory: number[] = []
    let sendingMs = 0

    async function until(done: number): Promise<void> {
      const server = await serve(['--data', flags.data, '--mode', 'production', '--smtp-url', smtp])
      const startedAt = performance.now()
      while ((await seen()).distinct < done) {
        memory.push(await residentMib(server.pid))
        await Bun.sleep(LOOK_MS)
      }
      sendingMs += performance.now() - startedAt
      if (done < MESSAGES) process.kill(server.pid, 'SIGKILL')
      else await server.stop()
    }

    for (const share of KILLS) await until(Math.floor(MESSAGES * share))
    await until(MESSAGES)
    const { taken, distinct } = await seen()
    const perSecond = MESSAGES / (sendingMs / 1000)
    report({
      name: 'messages_through_smtp',
      value: perSecond,
      unit: 'mails/s, with three kill -9',
      peer: 'queued',
      peer_value: MESSAGES,
      ratio: distinct / MESSAGES,
      goal: 'none lost, none doubled',
      lost: MESSAGES - distinct,
      repeats_with_the_same_message_id: taken - distinct,
      unfinished: await unfinished(flags),
      memory_mib_at_most: Math.max(...memory),
      queued_per_second: MESSAGES / (queuedMs / 1000),
    })
  } finally {
    sink.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Puts them out as the API does, to addresses that are nobody’s. */
async function queue(flags: Record<string, string>): Promise<number> {
  const booted = await boot(loadConfig(flags, {}, false))
  try {
    const { notifications } = createApp(loadConfig(flags, {}, false), booted.runtime)
    const startedAt = performance.now()
    for (let from = 0; from < MESSAGES; from += AT_ONCE) {
      const arranged = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, i) =>
          notifications.outbox.arrange({
            userId: undefined,
            address: `person${from + i}@example.com`,
            template: 'announcement',
            data: { title: 'Closed on Monday', message: 'We are back on Tuesday at eight.' },
            about: `bench ${from + i}`,
            tracks: [[{ medium: 'email' }]],
          }),
        ),
      )
      await booted.runtime.store.write(async (tx) => {
        for (const each of arranged) await notifications.outbox.put(tx, each)
      })
    }
    return performance.now() - startedAt
  } finally {
    await booted.close()
  }
}

/** Deliveries that are not accepted, by the database’s own account. */
async function unfinished(flags: Record<string, string>): Promise<number> {
  const reader = openReader(locationOf(loadConfig(flags, {}, false)))
  try {
    const [row] = await reader.rows<{ n: number }>(
      reader.read,
      sql`select count(*) as n from deliveries where state <> 'accepted'`,
    )
    return Number(row?.n ?? 0)
  } finally {
    await reader.close()
  }
}

async function firstLine(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of output) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('\n')) return text.trim()
  }
  throw new Error('The mail server did not start.')
}
