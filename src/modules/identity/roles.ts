/** Who may do what: each role is a set of scopes, and each route names the scopes that it needs. */
export const scopes = {
  'profile:read': 'See your name, addresses and status.',
  'profile:write': 'Change your name.',
  'profile:factors': 'Set up and remove your second factors, and prove again that it is you.',
  'profile:security': 'Change your password, addresses and PIN; see and end sessions, keys and applications.',
  'wallet:read': 'See the balance and movements of your wallet.',
  'wallet:transfer': 'Send money from your wallet. Each payment still asks for the PIN.',
  'withdrawals:request': 'Ask for a withdrawal token, and cancel it. Each request still asks for the PIN.',
  'withdrawals:read': 'See withdrawals that you asked for or paid.',
  'withdrawals:pay': 'Validate withdrawal tokens and pay the cash; reverse a payment that failed.',
  'agents:read': 'See the float and commission of your till.',
  'agents:cash-in': 'Credit a customer who hands over cash.',
  'agents:tellers': 'Let tellers work at your till, and stop them.',
  'agents:manage': 'Issue float to agents and ATMs.',
  'appointments:read': 'See what can be booked, when, and what people thought of it.',
  'appointments:book':
    'Book appointments and change them, wait for a place, and write reviews. A deposit asks for the PIN.',
  'appointments:manage': 'Run the appointments that you are booked for; running the location, all of them.',
  'appointments:setup': 'Set up what can be booked, with whom and when; hide reviews.',
  'users:read': 'Look people up.',
  'users:freeze': 'Freeze people.',
  'users:manage': 'Create people of any role, and unfreeze them.',
  'ledger:read': 'See the system accounts and the totals of the books.',
  'work:manage': 'See schedules and queued work; run a schedule, and replay what failed.',
  'audit:read': 'Search and export the audit log.',
  'notifications:own': 'See your inbox and mark it as read.',
  'notifications:settings': 'Say how you want to be told of things, and to which devices and endpoint.',
  'notifications:send': 'Send messages to people.',
  'notifications:read': 'See what was sent to whom, and how it arrived.',
  'notifications:manage':
    'Change what messages say and which ways they take; send dead ones again; suppress addresses.',
  'clients:manage': 'Register OAuth clients and rotate the keys that sign for them.',
} as const

export type Scope = keyof typeof scopes

export const roles = {
  customer: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'wallet:read',
    'wallet:transfer',
    'withdrawals:request',
    'withdrawals:read',
    'appointments:read',
    'appointments:book',
    'notifications:own',
    'notifications:settings',
  ],
  agent: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'wallet:read',
    'wallet:transfer',
    'withdrawals:read',
    'withdrawals:pay',
    'agents:read',
    'agents:cash-in',
    'agents:tellers',
    'appointments:read',
    'appointments:book',
    'appointments:manage',
    'notifications:own',
    'notifications:settings',
  ],
  /** Works at an agent’s till, with the agent’s float. */
  teller: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'withdrawals:read',
    'withdrawals:pay',
    'agents:read',
    'agents:cash-in',
    'appointments:read',
    'appointments:manage',
    'notifications:own',
    'notifications:settings',
  ],
  atm: ['profile:read', 'wallet:read', 'withdrawals:read', 'withdrawals:pay', 'agents:read', 'appointments:read'],
  biller: [
    'profile:read',
    'profile:factors',
    'profile:security',
    'wallet:read',
    'appointments:read',
    'notifications:own',
    'notifications:settings',
  ],
  support: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'appointments:read',
    'appointments:manage',
    'notifications:own',
    'notifications:settings',
    'notifications:read',
    'users:read',
    'users:freeze',
  ],
  operator: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'appointments:read',
    'appointments:manage',
    'appointments:setup',
    'agents:manage',
    'users:read',
    'users:freeze',
    'users:manage',
    'ledger:read',
    'work:manage',
    'audit:read',
    'clients:manage',
    'notifications:own',
    'notifications:settings',
    'notifications:read',
    'notifications:send',
    'notifications:manage',
  ],
  auditor: [
    'profile:read',
    'profile:write',
    'profile:factors',
    'profile:security',
    'appointments:read',
    'users:read',
    'ledger:read',
    'audit:read',
    'notifications:own',
    'notifications:settings',
    'notifications:read',
  ],
} as const satisfies Record<string, readonly Scope[]>

export type Role = keyof typeof roles

/** Scopes of OpenID Connect: no role has them, an application gets them from the person. */
export const openIdScopes = {
  openid: 'Know who you are.',
  profile: 'See your name.',
  email: 'See your e-mail address.',
  phone: 'See your phone number.',
  offline_access: 'Keep its access while you are away, for up to seven days.',
} as const

/** Whoever runs the place; only an operator acts on them. */
export const STAFF: ReadonlySet<string> = new Set<Role>(['operator', 'support', 'auditor'])

/** What only the person may do, signed in themselves: no application and no key gets these. */
export const OWN_HANDS_ONLY: ReadonlySet<string> = new Set<Scope>([
  'profile:factors',
  'profile:security',
  'clients:manage',
  // Whoever says where messages go, or what they say, hears and speaks for everybody concerned.
  'notifications:settings',
  'notifications:manage',
])

/** What a person may do whose role demands a second factor, until they have one. */
export const ENROLMENT: ReadonlySet<string> = new Set<Scope>(['profile:read', 'profile:factors'])

const sets = Object.fromEntries(Object.entries(roles).map(([role, list]) => [role, new Set<string>(list)]))

export function scopesOf(role: string): ReadonlySet<string> {
  return sets[role] ?? new Set()
}

/** What somebody of the role may hand on to an application or a key. */
export function grantableTo(role: string): string[] {
  return [...scopesOf(role)].filter((scope) => !OWN_HANDS_ONLY.has(scope))
}
