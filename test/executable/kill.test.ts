/** A power cut at any moment: what was answered is kept, what was not happens at most once, and the books stay true. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { emptyFolder, type Running, startServer } from '../support/executable'
import { createPostgresServer, type PostgresServer, postgresPrograms } from '../support/postgres-server'
import { DEMO, post, signIn } from './api'
import { createLoad, expectTrueBooks, gatherPeople, type Load } from './load'

const SHORTEST_MS = 50
const LONGEST_MS = 400

interface Place {
  cwd: string
  args: string[]
}

/** One life of the process: it starts, is loaded, and is killed at a moment that nobody chose, with answers owing. */
async function killUnderLoad(load: Load, { cwd, args }: Place): Promise<void> {
  const server = await startServer({ cwd, args })
  try {
    await load.warmUp(server.base)
    const running = load.start(server.base)
    await Bun.sleep(SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS))
    await server.kill()
    await running.stop()
    expect(load.unanswered()).not.toBeEmpty()
    expect(load.refusals.filter(({ code }) => code !== 'database_busy')).toEqual([])
  } finally {
    await server.kill()
  }
}

async function expectWhole(load: Load, { cwd, args }: Place): Promise<void> {
  const server = await startServer({ cwd, args })
  try {
    await load.expectNothingLost(server.base)
    await load.settle(server.base)
    await load.expectNothingElse(server.base)
    await expectTrueBooks(cwd, args)
  } finally {
    await server.stop()
  }
}

async function beginLoad({ cwd, args }: Place): Promise<Load> {
  const server: Running = await startServer({ cwd, args })
  try {
    return createLoad(await gatherPeople(server.base, 6))
  } finally {
    await server.stop()
  }
}

describe('kill -9 under load, on SQLite', () => {
  const ROUNDS = 12
  const folder = emptyFolder()
  const place: Place = { cwd: folder.path, args: ['--demo', '--rate-limit', '0'] }
  let load: Load

  beforeAll(async () => {
    load = await beginLoad(place)
  })
  afterAll(() => folder.remove())

  for (let round = 1; round <= ROUNDS; round++) {
    test(`round ${round}: every answered transfer is kept, every other happens at most once`, async () => {
      await killUnderLoad(load, place)
      await expectWhole(load, place)
    })
  }

  test('killed again and again without a pause, it comes back whole', async () => {
    for (let life = 0; life < 3; life++) await killUnderLoad(load, place)
    await expectWhole(load, place)
    // What was proved in all these rounds was proved of a crowd.
    expect(load.answered().length).toBeGreaterThan(ROUNDS * 32)
  })
})

describe.skipIf(postgresPrograms() === undefined)('kill -9 under load, on PostgreSQL', () => {
  const ROUNDS = 4
  const folder = emptyFolder()
  let postgres: PostgresServer
  let place: Place
  let load: Load

  beforeAll(async () => {
    postgres = await createPostgresServer()
    place = { cwd: folder.path, args: ['--demo', '--rate-limit', '0', '--database-url', postgres.url] }
    load = await beginLoad(place)
  })
  afterAll(() => {
    postgres.remove()
    folder.remove()
  })

  for (let round = 1; round <= ROUNDS; round++) {
    test(`round ${round}: every answered transfer is kept, every other happens at most once`, async () => {
      await killUnderLoad(load, place)
      await expectWhole(load, place)
    })
  }
})

describe('a crowd at the door after a restart', () => {
  const folder = emptyFolder()
  const place: Place = { cwd: folder.path, args: ['--demo', '--rate-limit', '0'] }

  afterAll(() => folder.remove())

  test('many payments of one person with the right PIN are not taken for guesses at it', async () => {
    const server = await startServer(place)
    try {
      const { accessToken } = await signIn(server.base, DEMO.customers[0])
      const payment = { to: DEMO.customers[1], amount: 1, pin: DEMO.pin }
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post(server.base, '/api/v1/wallet/me/transfer', payment, accessToken)),
      )
      expect(answers.filter(({ status }) => status !== 201).map(({ body }) => body.code)).toEqual([])
    } finally {
      await server.stop()
    }
  })
})
