/**
 * A flood of sign-ins in a process of its own: each connection sends one, waits for its answer, and sends the next;
 * every second password is wrong. `bun bench/support/flood.ts <base> <connections> <people> <password>` prints what it
 * saw as JSON when its input ends.
 */
import { emailOf } from './people'

const [base = '', connections = '16', people = '1', password = ''] = process.argv.slice(2)

let answered = 0
let failed = 0
let firstFailure = ''
let over = false

async function signIn(number: number): Promise<void> {
  const right = number % 2 === 0
  const answer = await fetch(`${base}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: emailOf(number % Number(people)), password: right ? password : `${password}?` }),
  })
  const text = await answer.text()
  if (over) return
  if (answer.status === (right ? 200 : 401)) {
    answered += 1
    return
  }
  failed += 1
  firstFailure ||= text
}

async function keepSigningIn(first: number): Promise<void> {
  for (let number = first; !over; number += Number(connections) + 1) await signIn(number)
}

const startedAt = performance.now()
for (let i = 0; i < Number(connections); i++) void keepSigningIn(i)
await Bun.stdin.text()
over = true
console.log(JSON.stringify({ perSecond: answered / ((performance.now() - startedAt) / 1000), failed, firstFailure }))
process.exit(0)
