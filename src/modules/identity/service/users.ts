/** People and machines: how they are found, and how others may see them. */
import { eq } from 'drizzle-orm'
import { prepared } from '../../../platform/db'
import { users } from '../schema'

export type User = typeof users.$inferSelect
export type UserStatus = 'pending_verification' | 'active' | 'frozen' | 'closed'

/** A user as they see themselves. */
export interface UserView {
  id: string
  name: string
  email: string
  phone: string | null
  role: string
  status: string
  pinSet: boolean
  createdAt: string
}

export function userView(user: User): UserView {
  const { id, name, email, phone, role, status, pinHash, createdAt } = user
  return {
    id,
    name,
    email,
    phone,
    role,
    status,
    pinSet: pinHash !== null,
    createdAt: new Date(createdAt).toISOString(),
  }
}

/** One address, however it was typed: look-alike forms are folded (NFKC), and case does not matter. */
export function emailKeyOf(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase()
}

export function phoneOf(text: string): string {
  return text.replaceAll(/[\s().-]/g, '')
}

export const userById = prepared<{ id: string }, User[]>('user_by_id', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.id, $('id'))),
)

export const userByEmail = prepared<{ emailKey: string }, User[]>('user_by_email', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.emailKey, $('emailKey'))),
)

export const userByPhone = prepared<{ phone: string }, User[]>('user_by_phone', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.phone, $('phone'))),
)
