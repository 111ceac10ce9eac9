/** What the tests of the executable say to it over HTTP, and how they wait for what it does in its own time. */
export const DEMO = {
  password: 'kumbu-demo-2026',
  pin: '2580',
  operator: 'operator@demo.kumbu',
  agent: 'agent@demo.kumbu',
  customers: ['customer@demo.kumbu', 'customer2@demo.kumbu'],
} as const

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: an answer may hold anything; the test says what it expects of it.
  body: any
}

export interface CallOptions {
  token?: string | undefined
  body?: unknown
  headers?: Record<string, string>
}

export interface Movement {
  id: string
  type: string
  amount: number
  balance: number
}

export async function call(
  base: string,
  method: string,
  path: string,
  { token, body, headers = {} }: CallOptions = {},
): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

export const get = (base: string, path: string, token?: string) => call(base, 'GET', path, { token })

export const post = (base: string, path: string, body: unknown, token?: string) =>
  call(base, 'POST', path, { token, body })

export async function signIn(
  base: string,
  email: string,
  password: string = DEMO.password,
): Promise<{ accessToken: string; refreshToken: string; user: { id: string; role: string } }> {
  const { status, body } = await post(base, '/api/v1/auth/login', { email, password })
  if (status !== 200) throw new Error(`${email} could not sign in: ${JSON.stringify(body)}`)
  return body
}

export async function balanceOf(base: string, token: string): Promise<{ balance: number; available: number }> {
  const { status, body } = await get(base, '/api/v1/wallet/me/balance', token)
  if (status !== 200) throw new Error(`The balance was not told: ${JSON.stringify(body)}`)
  return body
}

/** The whole statement, newest first. */
export async function statementOf(base: string, token: string): Promise<Movement[]> {
  const rows: Movement[] = []
  let cursor: string | null = null
  do {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`
    const { status, body } = await get(base, `/api/v1/wallet/me/transactions?limit=100${after}`, token)
    if (status !== 200) throw new Error(`The statement was not told: ${JSON.stringify(body)}`)
    rows.push(...body.items)
    cursor = body.nextCursor
  } while (cursor !== null)
  return rows
}

/** Asks again and again until the answer is one that will do; fails with the last one when the time is up. */
export async function until<Value>(
  ask: () => Value | Promise<Value>,
  isEnough: (value: Value) => boolean,
  timeoutMs = 10_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await ask()
    if (isEnough(value)) return value
    if (Date.now() > deadline) throw new Error(`Not in ${timeoutMs} ms: ${JSON.stringify(value)}`)
    await Bun.sleep(10)
  }
}
