/**
 * The bytes of a security descriptor in its self-relative form: decoded strictly, encoded in one layout, entries untouched.
 *
 *   0        1     2        4       8       12      16      20
 *   revision sbz1  control  owner   group   SACL    DACL    …      offsets from the start, 0: not there
 *   list: revision, sbz1, size (16 bits), count (16 bits), sbz2 (16 bits), entries, unused bytes
 *
 * Entries (ACEs) stay the bytes they are (`ace.ts` reads them), so those nobody here knows survive an edit. All parts lie
 * inside the value, or it is refused. Encoded order: owner, group, SACL, DACL. [MS-DTYP] 2.4.6 and 2.4.5.
 */
import { Fault } from '../../shared/fault.ts'
import { viewAce } from './ace.ts'
import { sidAtStart } from './identifiers.ts'

export interface Acl {
  revision: number
  sbz1: number
  sbz2: number
  aces: readonly Buffer[]
  /** What a list may have allocated beyond its last entry. */
  unused: Buffer
}

export interface Descriptor {
  revision: number
  /** Reserved, or the resource manager's own. */
  sbz1: number
  control: number
  owner: Buffer | undefined
  group: Buffer | undefined
  sacl: Acl | undefined
  /** With the control bit `daclPresent` and no list, everybody may do everything. */
  dacl: Acl | undefined
}

/** [MS-DTYP] 2.4.6, Control. */
export const controlBit = { daclPresent: 0x0004, daclProtected: 0x1000, selfRelative: 0x8000 } as const

/** Once there are object entries in a list, it has this revision ([MS-DTYP] 2.4.5, ACL_REVISION_DS). */
export const listRevision = 4

const headerLength = 20
const listHeaderLength = 8
const aceHeaderLength = 4
const offsetAt = { owner: 4, group: 8, sacl: 12, dacl: 16 } as const
const longestList = 0xffff

/** @throws Fault DIRECTORY_REFUSED when the bytes are no self-relative security descriptor. */
export function decodeDescriptor(bytes: Buffer): Descriptor {
  if (bytes.length < headerLength) throw malformed(`${bytes.length} bytes are less than its header`)
  const control = bytes.readUInt16LE(2)
  if (bytes.readUInt8(0) !== 1 || (control & controlBit.selfRelative) === 0) throw malformed('it is not self-relative of revision 1')
  const part = (name: keyof typeof offsetAt): Buffer | undefined => {
    const offset = bytes.readUInt32LE(offsetAt[name])
    if (offset === 0) return undefined
    if (offset < headerLength || offset >= bytes.length) throw malformed(`its ${name} would lie at ${offset} of ${bytes.length} bytes`)
    return bytes.subarray(offset)
  }
  return {
    revision: 1,
    sbz1: bytes.readUInt8(1),
    control,
    owner: decodeSid(part('owner')),
    group: decodeSid(part('group')),
    sacl: decodeAcl(part('sacl')),
    dacl: decodeAcl(part('dacl')),
  }
}

function decodeSid(bytes: Buffer | undefined): Buffer | undefined {
  const sid = bytes && sidAtStart(bytes)
  if (bytes && !sid) throw malformed('its owner or group is no SID')
  return sid
}

function decodeAcl(bytes: Buffer | undefined): Acl | undefined {
  if (bytes === undefined) return undefined
  if (bytes.length < listHeaderLength) throw malformed('a list is cut short')
  const size = bytes.readUInt16LE(2)
  if (size < listHeaderLength || size > bytes.length) throw malformed(`a list of ${size} bytes does not fit into ${bytes.length}`)
  const aces: Buffer[] = []
  let at = listHeaderLength
  for (let left = bytes.readUInt16LE(4); left > 0; left--) {
    const ace = decodeAce(bytes.subarray(at, size))
    aces.push(ace)
    at += ace.length
  }
  return {
    revision: bytes.readUInt8(0),
    sbz1: bytes.readUInt8(1),
    sbz2: bytes.readUInt16LE(6),
    aces,
    unused: bytes.subarray(at, size),
  }
}

function decodeAce(rest: Buffer): Buffer {
  const size = rest.length < aceHeaderLength ? 0 : rest.readUInt16LE(2)
  if (size < aceHeaderLength || size > rest.length) throw malformed('an entry does not fit into its list')
  const ace = rest.subarray(0, size)
  if (viewAce(ace) === 'malformed') throw malformed('an entry of a known type is cut short')
  return ace
}

/** @throws Fault INPUT_REFUSED when a list would be longer than lists can be. */
export function encodeDescriptor({ sbz1, control, owner, group, sacl, dacl }: Descriptor): Buffer {
  const header = Buffer.alloc(headerLength)
  header.writeUInt8(1, 0)
  header.writeUInt8(sbz1, 1)
  header.writeUInt16LE(control, 2)
  const parts = { owner, group, sacl: sacl && encodeAcl(sacl), dacl: dacl && encodeAcl(dacl) }
  let at = headerLength
  for (const name of ['owner', 'group', 'sacl', 'dacl'] as const) {
    if (parts[name] === undefined) continue
    header.writeUInt32LE(at, offsetAt[name])
    at += parts[name].length
  }
  return Buffer.concat([header, ...Object.values(parts).filter((part) => part !== undefined)])
}

function encodeAcl({ revision, sbz1, sbz2, aces, unused }: Acl): Buffer {
  const header = Buffer.alloc(listHeaderLength)
  const bytes = Buffer.concat([header, ...aces, unused])
  if (bytes.length > longestList) {
    throw new Fault('INPUT_REFUSED', `a list of ${bytes.length} bytes is longer than ${longestList}`, { permanent: true })
  }
  bytes.writeUInt8(revision, 0)
  bytes.writeUInt8(sbz1, 1)
  bytes.writeUInt16LE(bytes.length, 2)
  bytes.writeUInt16LE(aces.length, 4)
  bytes.writeUInt16LE(sbz2, 6)
  return bytes
}

/** The DACL alone, as it is sent with SD_FLAGS 4: owner, group and SACL stay what they are. */
export function withAces(descriptor: Descriptor, aces: readonly Buffer[]): Descriptor {
  const present = descriptor.dacl ?? { revision: listRevision, sbz1: 0, sbz2: 0, aces: [], unused: Buffer.alloc(0) }
  const dacl = { ...present, revision: Math.max(present.revision, listRevision), aces, unused: Buffer.alloc(0) }
  return { ...descriptor, owner: undefined, group: undefined, sacl: undefined, dacl }
}

const malformed = (why: string) => new Fault('DIRECTORY_REFUSED', `a security descriptor is malformed: ${why}`, { permanent: true })
