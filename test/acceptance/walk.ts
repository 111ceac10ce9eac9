/** Every route as it states itself, and a call of it as anybody, in which nothing happens to anyone else. */
import { type Role, roles } from '../../src/modules/identity'
import type { Answer, Person, World } from '../support/world'

export interface StatedRoute {
  method: string
  path: string
  scopes: 'public' | readonly string[] | undefined
  hidden: boolean
}

export const roleNames = Object.keys(roles) as Role[]

export async function oneOfEachRole({ person }: World): Promise<Record<Role, Person>> {
  const made = await Promise.all(roleNames.map((role) => person(role)))
  return Object.fromEntries(roleNames.map((role, i) => [role, made[i]])) as Record<Role, Person>
}

export function statedRoutes({ app }: World): StatedRoute[] {
  return app.routes().map(({ method, path, hooks }) => {
    const { detail = {} } = hooks as { detail?: Record<string, unknown> }
    return {
      method,
      path,
      scopes: detail['x-scopes'] as StatedRoute['scopes'],
      hidden: detail.hide === true,
    }
  })
}

const NEEDS_BODY = new Set(['POST', 'PUT', 'PATCH'])
/** Where OAuth’s clients speak, and mail programs that unsubscribe, bodies are forms. */
const FORMS = /^\/(?:oauth\/|unsubscribe$)/
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

const STREAM = 'text/event-stream'

/** What `:id` is the id of, by the beginning of the path. */
const IDS: ReadonlyArray<readonly [under: string, sample: string]> = [
  ['/api/v1/atm/', 'wdr_00000000000000000000'],
  ['/api/v1/notifications/devices/', 'tgt_00000000000000000000'],
  ['/api/v1/notifications/suppressions/', 'sup_00000000000000000000'],
  ['/api/v1/notifications/', 'ntf_00000000000000000000'],
]

/** Values of the right form that name nothing. */
const SAMPLES: Record<string, string> = {
  userId: 'usr_00000000000000000000',
  agentId: 'usr_00000000000000000000',
  tellerId: 'usr_00000000000000000000',
  sessionId: 'ses_00000000000000000000',
  deviceId: 'dev_00000000000000000000',
  passkeyId: 'psk_00000000000000000000',
  keyId: 'key_00000000000000000000',
  clientId: 'cli_00000000000000000000',
  method: 'email',
  workId: '1',
  name: 'nothing.there',
  serviceId: 'svc_00000000000000000000',
  staffId: 'stf_00000000000000000000',
  appointmentId: 'apt_00000000000000000000',
  closureId: 'cls_00000000000000000000',
  waitId: 'wtl_00000000000000000000',
  reviewId: 'rev_00000000000000000000',
  token: 'A'.repeat(43),
  template: 'nothing_there',
  language: 'en',
  version: '1',
  provider: 'nobody',
  transferId: 'txn_00000000000000000000',
}

function sampleOf(parameter: string, path: string): string {
  const sample = parameter === 'id' ? IDS.find(([under]) => path.startsWith(under))?.[1] : SAMPLES[parameter]
  if (sample === undefined) throw new Error(`Which ${parameter} would a call of ${path} name? Add one to SAMPLES.`)
  return sample
}

/** A call of the route with ids that name nothing and an empty body. */
export function knock(world: World, { method, path }: StatedRoute, token?: string): Promise<Answer> {
  const named = path.replaceAll(/:(\w+)/g, (_, name: string) => sampleOf(name, path))
  const from = '127.0.0.1'
  if (path.endsWith('/stream')) return knockAtStream(world, named, token)
  if (!NEEDS_BODY.has(method)) return world.call(method, named, { token, from })
  if (FORMS.test(path)) return world.call(method, named, { token, from, body: '', headers: FORM })
  return world.call(method, named, { token, from, body: {} })
}

/** A stream that was let in to has no end: whoever has its head goes away again. */
async function knockAtStream({ app }: World, path: string, token: string | undefined): Promise<Answer> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await app.pipeline(new Request(`http://localhost${path}`, { headers }), () => '127.0.0.1')
  const opened = response.headers.get('content-type')?.startsWith(STREAM) ?? false
  if (!opened) return { status: response.status, headers: response.headers, body: await response.json() }
  await response.body?.cancel()
  return { status: response.status, headers: response.headers, body: '' }
}

/**
 * The token of a session that lives for one call and has seen no proof of late: a route may end it, and none closes the
 * account or removes anything of it.
 */
export async function passingToken(
  { app: { identity }, write }: World,
  { id }: Pick<Person, 'id'>,
  restricted = false,
): Promise<string> {
  const user = await identity.known(id)
  const session = await write((tx) => identity.sessions.open(tx, user, { methods: ['pwd'], verifiedAt: 0, restricted }))
  return (await identity.sessions.tokens(session)).accessToken
}
