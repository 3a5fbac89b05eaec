/** Preloaded into the agent when it runs here: it is told to stop when the process that started it is gone. */
process.channel?.unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
