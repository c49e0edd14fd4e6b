"""Pretext tasks: how raw data becomes (input, target, weight), and the loss on it.

An objective offers three things, and the training loop sees nothing else:

    batch = objective.batch(step)                       # a pure function of (seed, step)
    loss = objective.loss_and_gradients(model, batch, normalizer)
    metrics = objective.evaluate(model)                 # name -> value
"""
