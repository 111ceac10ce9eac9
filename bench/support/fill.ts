/** Two million transfers without two million requests: the rows that the floor writes are the rows that Kumbu writes. */
import { join } from 'node:path'
import { openFloor } from './floor'

export function fillBooks(data: string, transfers: number): void {
  const floor = openFloor(join(data, 'kumbu.db'))
  floor.fill(transfers)
  floor.close()
}
