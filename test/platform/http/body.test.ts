/** Bodies: what is too large, is not JSON or is not UTF-8 is refused with words that say so. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { BODY_LIMIT_BYTES } from '../../../src/platform/http/body'
import { createWorld, type World } from '../../support/world'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())

const LOGIN = '/api/v1/auth/login'
const login = { email: 'nobody@example.com', password: 'not the password' }
const post = (body: string, headers: Record<string, string> = {}) => world.call('POST', LOGIN, { body, headers })

/** A request whose body comes as bytes, in pieces if there are several; its length is not announced. */
async function postBytes(...chunks: Uint8Array[]) {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  const request = new Request(`http://localhost${LOGIN}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: stream,
  })
  const response = await world.app.pipeline(request, () => '192.0.2.1')
  return { status: response.status, body: (await response.json()) as { code: string } }
}
const bytes = (text: string) => new TextEncoder().encode(text)

/** A login of exactly so many bytes. */
function loginOf(size: number): string {
  const short = JSON.stringify(login)
  return short + ' '.repeat(size - short.length)
}

describe('a body', () => {
  test('in JSON is read, whether or not its length was announced', async () => {
    expect((await post(JSON.stringify(login))).body.code).toBe('credentials_invalid')
    const whole = bytes(JSON.stringify(login))
    expect((await postBytes(whole.subarray(0, 10), whole.subarray(10))).body.code).toBe('credentials_invalid')
  })

  test('may have as many bytes as the limit, and not one more', async () => {
    expect((await post(loginOf(BODY_LIMIT_BYTES))).body.code).toBe('credentials_invalid')
    const { status, body } = await post(loginOf(BODY_LIMIT_BYTES + 1))
    expect(status).toBe(413)
    expect(body).toMatchObject({ code: 'body_too_large', detail: expect.stringContaining(String(BODY_LIMIT_BYTES)) })
  })

  test('that announces too much is refused before it is read', async () => {
    const { status, body } = await post('{}', { 'content-length': String(BODY_LIMIT_BYTES + 1) })
    expect(status).toBe(413)
    expect(body.code).toBe('body_too_large')
  })

  test('that does not announce its length is counted as it comes', async () => {
    const piece = new Uint8Array(BODY_LIMIT_BYTES / 4).fill(0x20)
    const begin = bytes(JSON.stringify(login))
    expect((await postBytes(begin, piece, piece, piece)).body.code).toBe('credentials_invalid')
    expect(await postBytes(begin, piece, piece, piece, piece)).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    })
  })

  test.each(['', '{', '{"email":}', 'nothing', "{'email':'a'}", '{"a":1}{'])(
    'that is no JSON is refused: %s',
    async (text) => {
      const { status, body } = await post(text)
      expect(status).toBe(400)
      expect(body.code).toBe('malformed_body')
    },
  )

  test('that is not in UTF-8 is refused', async () => {
    const latin = Uint8Array.from([...bytes('{"email":"jos'), 0xe9, ...bytes('@example.com","password":"x"}')])
    expect(await postBytes(latin)).toMatchObject({ status: 400, body: { code: 'malformed_body' } })
  })

  test.each(['null', '[]', '"text"', '7'])('that is JSON of another form is refused: %s', async (text) => {
    const { status, body } = await post(text)
    expect(status).toBe(422)
    expect(body.code).toBe('validation_failed')
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=iso-8859-1',
    'application/jsonp',
    '',
  ])('of the type "%s" is refused', async (type) => {
    const { status, body } = await post(JSON.stringify(login), { 'content-type': type })
    expect(status).toBe(415)
    expect(body.code).toBe('unsupported_media_type')
  })

  test.each([
    'application/json',
    'APPLICATION/JSON; charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/merge-patch+json',
  ])('of the type %s is read', async (type) => {
    expect((await post(JSON.stringify(login), { 'content-type': type })).body.code).toBe('credentials_invalid')
  })

  test('with a member that nobody knows is refused, with where it is and without its value', async () => {
    const { status, body } = await post(JSON.stringify({ ...login, amuont: 'hunter2' }))
    expect(status).toBe(422)
    expect(body).toMatchObject({ code: 'validation_failed', in: 'body' })
    expect(JSON.stringify(body)).toContain('/amuont')
    expect(JSON.stringify(body)).not.toContain('hunter2')
  })
})
