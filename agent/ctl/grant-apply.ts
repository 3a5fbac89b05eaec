/**
 * One access list changed over LDAP: read, planned, written if there is anything to do, and read again to see that it is so.
 */
import { Fault } from '../../shared/fault.ts'
import type { Connection } from '../directory/connection.ts'
import { descriptorParts, readSecurityDescriptor, writeAccessList } from '../directory/security.ts'
import { controlBit, type Descriptor, decodeDescriptor, encodeDescriptor, withAces } from './descriptor.ts'
import { explainRefusal } from './explain.ts'
import { type Entry, sddlOf } from './four-rights.ts'
import { type Plan, planGrant, planRevoke } from './grant-plan.ts'
import { exitCodes, type Io } from './program.ts'

export interface Target {
  dn: string
  entries: readonly Entry[]
  sid: Buffer
  revoke: boolean
  dryRun: boolean
}

export async function applyTo(connection: Connection, target: Target, io: Io): Promise<number> {
  const descriptor = await readList(connection, target.dn)
  const { aces, changed } = planFor(descriptor, target)
  if (changed.length === 0) {
    io.print(`${target.dn}: nothing to do, ${target.revoke ? 'none of them is there' : 'all of them are there'}`)
    return exitCodes.done
  }
  if (target.dryRun) {
    io.print(report(target, changed, target.revoke ? 'would be taken away' : 'would be added'))
    return exitCodes.done
  }
  const result = await writeAccessList(connection, target.dn, encodeDescriptor(withAces(descriptor, aces)))
  if (result.kind === 'refused') {
    io.complain(`${target.dn}: not changed: ${explainRefusal(result)}`)
    return exitCodes.failed
  }
  const left = planFor(await readList(connection, target.dn), target).changed
  if (left.length > 0) {
    io.complain(report(target, left, 'the server took the list, and yet it is not so'))
    return exitCodes.failed
  }
  io.print(report(target, changed, target.revoke ? 'taken away' : 'added'))
  io.print('Other domain controllers learn of it by replication; users below inherit it within minutes, in a large domain within the hour.')
  return exitCodes.done
}

const planFor = ({ dacl }: Descriptor, { entries, revoke }: Target): Plan =>
  revoke ? planRevoke(dacl?.aces ?? [], entries) : planGrant(dacl?.aces ?? [], entries)

async function readList(connection: Connection, dn: string): Promise<Descriptor> {
  const bytes = await readSecurityDescriptor(connection, dn, descriptorParts.dacl)
  if (bytes === undefined) throw new Fault('DIRECTORY_REFUSED', 'this account may not read the permissions of the object')
  return withList(decodeDescriptor(bytes))
}

/** @throws Fault DIRECTORY_REFUSED for a descriptor without a list. */
export function withList(descriptor: Descriptor): Descriptor {
  // A first entry would turn "everybody may do everything" into "nobody else may do anything".
  if (descriptor.dacl === undefined || (descriptor.control & controlBit.daclPresent) === 0) {
    throw new Fault('DIRECTORY_REFUSED', 'the object has no access list, so everybody may do everything: set that right first')
  }
  return descriptor
}

const report = ({ dn, sid }: Target, entries: readonly Entry[], what: string): string =>
  [`${dn}: ${what}:`, ...entries.map((entry) => `  ${entry.title.padEnd(20)}${sddlOf(entry, sid)}`)].join('\n')
