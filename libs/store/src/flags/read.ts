import { rows, type Db } from '../sql.js';
import { FLAG_COLUMNS, flagRow, type Flag } from './flag.js';

/** A flag; undefined when there is none of this key. */
export async function readFlag(db: Db, key: string): Promise<Flag | undefined> {
  const [flag] = await rows(db, flagRow, `select ${FLAG_COLUMNS} from switchyard.flags where key = :key`, { key });
  return flag;
}

/** All flags, by key. */
export async function readFlags(db: Db): Promise<Flag[]> {
  return rows(db, flagRow, `select ${FLAG_COLUMNS} from switchyard.flags order by key`);
}
