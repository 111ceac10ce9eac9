/** Facts about this instance that every copy must agree on, such as the fingerprint of its key. */
import { table, text } from '../db/dialect'

export const instance = table('instance', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
})
