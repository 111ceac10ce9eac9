/**
 * Whose is what: the one place that decides it, after the scopes have been looked at. A scope says what sort of thing
 * somebody may do; these say to which of them. What is not one's own is, to whoever asks, as good as not there.
 */
import { type Role, STAFF } from './roles'

interface Person {
  id: string
}

interface Acting extends Person {
  role: string
}

/** The user that a path names, `me` or an id, if that is the caller; nothing if it is somebody else. */
export function ownId(caller: Person, named: string): string | undefined {
  return named === 'me' || named === caller.id ? caller.id : undefined
}

/** What belongs to a person alone. */
export const isOwner = (caller: Person, thing: { userId: string | null }): boolean => thing.userId === caller.id

/** What a till has paid belongs to whoever works there: the agent and the tellers, or the ATM. */
export const isOfTill = (till: Person, thing: { tillId: string | null }): boolean => thing.tillId === till.id

/** A teller belongs to the agent at whose till they work. */
export const isTellerOf = (agent: Person, person: { role: string; agentId: string | null }): boolean =>
  person.role === ('teller' satisfies Role) && person.agentId === agent.id

/** Whoever runs the place is frozen by operators only, and nobody freezes themselves. */
export const mayFreeze = (actor: Acting, person: Acting): boolean =>
  person.id !== actor.id && (!STAFF.has(person.role) || actor.role === ('operator' satisfies Role))

/**
 * Appointments are run by the member of staff whom they are booked with, and all of them by whoever runs the place. How one
 * went decides about money, so support, who moves and cancels other people's, does not say it of them.
 */
export const mayRunAppointments = (
  actor: Acting,
  member: { userId: string | null } | undefined,
  { concluding = false } = {},
): boolean =>
  actor.role === ('operator' satisfies Role) ||
  (!concluding && actor.role === ('support' satisfies Role)) ||
  (member !== undefined && member.userId === actor.id)
