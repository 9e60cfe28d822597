"""How fast the product is: each stage on generated data, in a process of its own.

    python -m bench                                    everything, a million profiles
    python -m bench --profiles 100000 --only plan pack some of it, smaller

Nothing here fails when it is slow: a machine says what it can, a person judges.
"""
