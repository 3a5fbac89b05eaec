/** What a key is, whichever way it is kept. */
import type { PackageKey } from '../shared/envelope.ts'

export const bytesOf = ({ bytes }: PackageKey): Buffer => (bytes instanceof Uint8Array ? Buffer.from(bytes) : bytes.export())
