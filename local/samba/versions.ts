/**
 * How often an attribute was written: Active Directory counts that for replication. It says how often a password was set,
 * which nothing else does.
 *
 * Bytes: [MS-ADTS] 3.1.1.1.9 and [MS-DRSR] 5.164, replPropertyMetaData: version 1, reserved, count, reserved (32 bits each),
 * then 48 bytes for each attribute: its number, its version, and when, where and in which order it was written.
 */
/** ATTRTYP of unicodePwd, 1.2.840.113556.1.4.90 ([MS-DRSR] 5.16.4: 0x9 is the prefix 1.2.840.113556.1.4). */
const unicodePwd = 0x9005a
const headerLength = 16
const recordLength = 48

/** 0: never written. */
export function passwordVersion(metadata: Buffer): number {
  for (let at = headerLength; at + recordLength <= metadata.length; at += recordLength) {
    if (metadata.readUInt32LE(at) === unicodePwd) return metadata.readUInt32LE(at + 4)
  }
  return 0
}
