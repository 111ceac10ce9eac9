/**
 * People with money for a measurement, written straight into the tables: ten thousand registrations would measure
 * Argon2. Their PIN hash has the smallest cost that Argon2id knows, because what is measured is the transfer and the
 * server remembers a right PIN anyway.
 */
import { writeFileSync } from 'node:fs'
import { SignJWT } from 'jose'
import { createApp } from '../../src/app'
import { boot } from '../../src/cli/boot'
import { loadConfig } from '../../src/config'
import { sessions, users } from '../../src/modules/identity/schema'

export interface BenchPerson {
  id: string
  token: string
}

export const PIN = '2580'
const MONEY = 1_000_000_000
const TOKEN_LIFETIME_S = 15 * 60
const AT_ONCE = 500

export interface Seeded {
  people: BenchPerson[]
  /** `instance.key` of the folder, for further tokens. */
  file: string
}

/** Everybody’s address is `person<number>@bench.kumbu`. */
export const emailOf = (number: number) => `person${number}@bench.kumbu`

/**
 * Makes the people in a data folder (or on PostgreSQL) and leaves them in `people.json` there. With a hash of the full
 * cost, they can sign in with its password.
 */
export async function seedPeople(flags: Record<string, string>, count: number, passwordHash?: string): Promise<Seeded> {
  const config = loadConfig({ 'log-level': 'error', mode: 'production', ...flags }, {}, false)
  const booted = await boot(config)
  try {
    const { runtime } = booted
    const app = createApp(config, runtime)
    const pinHash = await Bun.password.hash(runtime.keyring.hash('pin-pepper', PIN), {
      algorithm: 'argon2id',
      memoryCost: 8,
      timeCost: 1,
    })
    const now = Date.now()
    const key = runtime.keyring.derive('access-token')
    const people: BenchPerson[] = []
    for (let start = 0; start < count; start += AT_ONCE) {
      const rows = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => {
        const number = start + i
        const email = emailOf(number)
        return {
          user: {
            id: runtime.newId('usr'),
            name: `Person ${number}`,
            email,
            emailKey: email,
            phone: `+2588${String(40_000_000 + number)}`,
            role: 'customer',
            status: 'active',
            passwordHash: passwordHash ?? pinHash,
            pinHash,
            pinFailures: 0,
            pinLockedUntil: 0,
            createdAt: now,
            updatedAt: now,
          },
          sessionId: runtime.newId('ses'),
        }
      })
      await runtime.store.write(async (tx) => {
        await tx.insert(users).values(rows.map(({ user }) => user))
        await tx.insert(sessions).values(
          rows.map(({ user, sessionId }) => ({
            id: sessionId,
            userId: user.id,
            createdAt: now,
            expiresAt: now + 86_400_000,
            revokedAt: null,
            revokedFor: null,
          })),
        )
      })
      await runtime.store.write(async (tx) => {
        for (const { user } of rows) await fund(app, tx, user.id, config.currency)
      })
      for (const { user, sessionId } of rows) {
        const token = await new SignJWT({ sid: sessionId, role: 'customer' })
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
          .setSubject(user.id)
          .setIssuer('kumbu')
          .setAudience('kumbu-api')
          .setIssuedAt(Math.floor(now / 1000))
          .setExpirationTime(Math.floor(now / 1000) + TOKEN_LIFETIME_S * 4)
          .sign(key)
        people.push({ id: user.id, token })
      }
    }
    const file = `${config.data}/people.json`
    writeFileSync(file, JSON.stringify(people))
    return { people, file }
  } finally {
    await booted.close()
  }
}

type App = ReturnType<typeof createApp>
type Tx = Parameters<App['ledger']['ensure']>[0]

async function fund(app: App, tx: Tx, userId: string, currency: string): Promise<void> {
  const debitAccountId = await app.ledger.system(tx, 'trust', currency, userId)
  const creditAccountId = await app.ledger.ensure(tx, { ownerId: userId, kind: 'customer', currency })
  const posted = await app.ledger.transfer(tx, {
    type: 'issuance',
    amount: MONEY,
    currency,
    debitAccountId,
    creditAccountId,
    legs: [
      { accountId: debitAccountId, amount: -MONEY },
      { accountId: creditAccountId, amount: MONEY },
    ],
  })
  if (!posted.ok) throw new Error(posted.code)
}
