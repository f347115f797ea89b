import numpy as np

from ck19ml.core.patches import crowded, cut, mosaic


def test_a_mosaic_puts_a_field_together_again() -> None:
    field = np.arange(6 * 6 * 2).reshape(6, 6, 2)
    np.testing.assert_array_equal(mosaic(cut(field, 2)), field)
    np.testing.assert_array_equal(mosaic(cut(field[..., 0], 3)), field[..., 0])


def test_a_square_with_many_cells_of_both_kinds_is_shown() -> None:
    # Eleven squares of 2 x 2 with 0 .. 4 pixels in the poorer channel.
    poorer = [0, 1, 2, 1, 4, 1, 3, 1, 2, 1, 0]
    true = np.zeros((2, 22, 2), bool)
    for square, count in enumerate(poorer):
        true[:, 2 * square : 2 * square + 2, 0] = True
        part = np.zeros(4, bool)
        part[:count] = True
        true[:, 2 * square : 2 * square + 2, 1] = part.reshape(2, 2)
    assert crowded(true, 2) == (slice(0, 2), slice(12, 14))  # the 3: one of ten lies above
