/** Waits for several things that start at once; when one does not, those that did are ended before its fault is thrown. */
export async function allOrNone<T>(starting: readonly Promise<T>[], close: (started: T) => Promise<void>): Promise<T[]> {
  try {
    return await Promise.all(starting)
  } catch (error) {
    const ended = await Promise.allSettled(starting)
    await Promise.allSettled(ended.map((each) => (each.status === 'fulfilled' ? close(each.value) : undefined)))
    throw error
  }
}
