/** Demo people with money, and a walk through a withdrawal that can be followed in Swagger UI. */
import type { App } from '../app'
import type { Write } from '../platform/http/idempotency'
import { CommandError } from './command-error'

const PASSWORD = 'kumbu-demo-2026'
const PIN = '2580'
const FLOAT = 1_000_000
const CUSTOMER_MONEY = 100_000

const people = [
  { name: 'Olga Operator', email: 'operator@demo.kumbu', role: 'operator' },
  { name: 'André Agent', email: 'agent@demo.kumbu', phone: '+258840000001', role: 'agent' },
  { name: 'Carla Customer', email: 'customer@demo.kumbu', phone: '+258840000002', role: 'customer' },
  { name: 'Celso Customer', email: 'customer2@demo.kumbu', phone: '+258840000003', role: 'customer' },
] as const

/** Makes the demo people on an empty instance; answers whether it did. */
export async function seedDemo(app: App, write: Write): Promise<boolean> {
  if (await app.identity.hasOperator()) return false
  const created = await Promise.all(
    people.map((person) => app.identity.people.create({ ...person, password: PASSWORD, pin: PIN }, 'system')),
  )
  // Another copy on the same database may have been quicker.
  if (created.some((result) => !result.ok && result.code === 'email_taken')) return false
  const ids = created.map((result) => {
    if (!result.ok) throw new CommandError(`The demo people could not be made: ${result.code}.`)
    return result.value.id
  })
  const [, agentId, ...customers] = ids as [string, string, ...string[]]
  const amount = FLOAT + customers.length * CUSTOMER_MONEY
  must(await app.agents.issueFloat({ agentId, amount }, write))
  for (const to of customers) must(await app.agents.cashIn({ by: agentId, to, amount: CUSTOMER_MONEY }, write))
  return true
}

function must(result: { ok: boolean }): void {
  if (!result.ok) throw new CommandError('The demo money could not be booked: use an empty data folder.')
}

export function printWalkThrough(base: string, fresh: boolean): void {
  console.log(`
${fresh ? 'Demo people were made' : 'Demo people'} (password ${PASSWORD}, PIN ${PIN}):
${people.map(({ email, role }) => `  ${email.padEnd(24)} ${role}`).join('\n')}

A withdrawal, from request to cash, in ${base}/swagger:
  1. POST /api/v1/auth/login          {"email": "customer@demo.kumbu", "password": "${PASSWORD}"}
     Copy the accessToken, press Authorize at the top, paste it.
  2. GET  /api/v1/wallet/me/balance   available: what the customer can spend
  3. POST /api/v1/atm/withdrawal-request   {"amount": 5000, "pin": "${PIN}"}
     Copy the token: ten digits to read out at the till. The money is held; look at the balance again.
  4. Sign in as agent@demo.kumbu and Authorize with the agent's token.
  5. POST /api/v1/atm/validate-token  {"token": "<the ten digits>"}
     It answers "paid", the customer's name and the commission: hand over the cash.
  6. GET  /api/v1/agents/me           the float grew by 5000, the commission by the agent's share
  7. ${base}/dev/inbox   both sides were told
`)
}
