/** Who may do what: each role is a set of scopes, and each route names the scopes that it needs. */
export const scopes = {
  'profile:read': 'See one’s own profile.',
  'profile:write': 'Change one’s own profile and PIN.',
  'wallet:read': 'See the balance and movements of one’s own wallet.',
  'wallet:transfer': 'Send money from one’s own wallet.',
  'withdrawals:request': 'Ask for a withdrawal token, and cancel it.',
  'withdrawals:read': 'See withdrawals that one asked for or paid.',
  'withdrawals:pay': 'Validate withdrawal tokens and pay the cash; reverse a payment that failed.',
  'agents:read': 'See one’s own float and commission.',
  'agents:cash-in': 'Credit a customer who hands over cash.',
  'agents:manage': 'Issue float to agents and ATMs.',
  'users:manage': 'Create staff, freeze and unfreeze people.',
  'ledger:read': 'See the system accounts and the totals of the books.',
  'work:manage': 'See failed deliveries and jobs, and replay them.',
} as const

export type Scope = keyof typeof scopes

export const roles = {
  customer: [
    'profile:read',
    'profile:write',
    'wallet:read',
    'wallet:transfer',
    'withdrawals:request',
    'withdrawals:read',
  ],
  agent: [
    'profile:read',
    'profile:write',
    'wallet:read',
    'wallet:transfer',
    'withdrawals:read',
    'withdrawals:pay',
    'agents:read',
    'agents:cash-in',
  ],
  atm: ['profile:read', 'wallet:read', 'withdrawals:read', 'withdrawals:pay', 'agents:read'],
  operator: ['profile:read', 'profile:write', 'agents:manage', 'users:manage', 'ledger:read', 'work:manage'],
} as const satisfies Record<string, readonly Scope[]>

export type Role = keyof typeof roles

export const isRole = (text: string): text is Role => Object.hasOwn(roles, text)

const sets = Object.fromEntries(Object.entries(roles).map(([role, list]) => [role, new Set<string>(list)]))

export function scopesOf(role: Role): ReadonlySet<string> {
  return sets[role] ?? new Set()
}
