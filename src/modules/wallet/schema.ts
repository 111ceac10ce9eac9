/** What people wrote beside a transfer. Kept apart from the books, because it may be personal and may be erased. */
import { index, table, text } from '../../platform/db/dialect'

export const transferNotes = table(
  'transfer_notes',
  {
    transferId: text('transfer_id').primaryKey(),
    note: text('note').notNull(),
    /** Who wrote it. */
    authorId: text('author_id'),
  },
  (t) => [index('transfer_notes_author').on(t.authorId)],
)
