/** Seeds a PostgreSQL database; a process of its own, because a process speaks to one engine only. */
import { seedPeople } from './people'

const [data = '', url = '', people = '0'] = process.argv.slice(2)
await seedPeople({ data, 'database-url': url }, Number(people))
process.exit(0)
