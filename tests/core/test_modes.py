"""no_grad and enable_grad: nested, decorating, unseen by other threads, tasks and generators."""

import asyncio
import threading

import pytest

import minigrad as mg
from minigrad.errors import ArgumentError


def w():
    return mg.tensor([1.0, 2.0], requires_grad=True)


def test_recording_is_on_by_default():
    assert mg.is_grad_enabled() is True
    assert (w() * 2.0).requires_grad


def test_no_grad_records_nothing():
    x = w()
    with mg.no_grad():
        assert mg.is_grad_enabled() is False
        y = x * 2.0
        z = y.sum()
    assert not y.requires_grad
    assert y.is_leaf
    assert not z.requires_grad
    assert (x * 2.0).requires_grad


def test_leaves_made_under_no_grad_can_require_gradients():
    with mg.no_grad():
        x = w()
    assert x.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_results_of_no_grad_are_constants_later():
    x = w()
    with mg.no_grad():
        y = x * 3.0
    (x * y).sum().backward()
    assert x.grad.tolist() == [3.0, 6.0]


def test_backward_works_under_no_grad():
    x = w()
    y = (x * x).sum()
    with mg.no_grad():
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_modes_nest():
    seen = []
    with mg.no_grad():
        seen.append(mg.is_grad_enabled())
        with mg.enable_grad():
            seen.append(mg.is_grad_enabled())
            with mg.no_grad(), mg.no_grad():
                seen.append(mg.is_grad_enabled())
            seen.append(mg.is_grad_enabled())
        seen.append(mg.is_grad_enabled())
    seen.append(mg.is_grad_enabled())
    assert seen == [False, True, False, True, False, True]


def test_one_object_can_be_entered_again():
    off = mg.no_grad()
    for _ in range(2):
        with off:
            assert not mg.is_grad_enabled()
            with mg.enable_grad(), off:
                assert not mg.is_grad_enabled()
            assert not mg.is_grad_enabled()
        assert mg.is_grad_enabled()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_exceptions_restore_the_mode(error):
    with pytest.raises(error), mg.no_grad():
        raise error
    assert mg.is_grad_enabled()

    @mg.no_grad()
    def failing():
        raise error

    with pytest.raises(error):
        failing()
    assert mg.is_grad_enabled()


# --- Decorators ----------------------------------------------------------------------------------


def test_decorated_functions():
    @mg.no_grad()
    def predict(x, *, scale=1.0):
        """Say so."""
        assert not mg.is_grad_enabled()
        return x * scale

    assert not predict(w(), scale=2.0).requires_grad
    assert mg.is_grad_enabled()
    assert (predict.__name__, predict.__doc__) == ("predict", "Say so.")

    @mg.enable_grad()
    def train(x):
        return x * 2.0

    with mg.no_grad():
        assert train(w()).requires_grad
        assert not mg.is_grad_enabled()


def test_decorated_functions_call_themselves():
    @mg.no_grad()
    def down(n):
        assert not mg.is_grad_enabled()
        return n and down(n - 1)

    down(5)
    assert mg.is_grad_enabled()


def test_decorated_methods():
    class Model:
        @mg.no_grad()
        def predict(self, x):
            return x * 2.0

    assert not Model().predict(w()).requires_grad


@pytest.mark.parametrize("mode", [mg.no_grad, mg.enable_grad])
def test_forgotten_parentheses_are_reported(mode):
    with pytest.raises(ArgumentError, match=rf"write @{mode.__name__}\(\)"):

        @mode
        def function():
            pass


# --- Generators ----------------------------------------------------------------------------------


def test_suspended_generator_does_not_leak_its_mode():
    @mg.no_grad()
    def numbers():
        assert not mg.is_grad_enabled()
        yield mg.is_grad_enabled()
        yield mg.is_grad_enabled()
        return "done"

    generator = numbers()
    assert mg.is_grad_enabled()
    assert next(generator) is False
    assert mg.is_grad_enabled()
    with mg.enable_grad():
        assert next(generator) is False
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "done"
    assert mg.is_grad_enabled()


def test_interleaved_generators_keep_their_modes():
    @mg.no_grad()
    def off():
        for _ in range(3):
            yield mg.is_grad_enabled()

    @mg.enable_grad()
    def on():
        for _ in range(3):
            yield mg.is_grad_enabled()

    assert list(zip(off(), on(), strict=True)) == [(False, True)] * 3
    with mg.no_grad():
        assert list(zip(on(), off(), strict=True)) == [(True, False)] * 3


def test_decorated_generators_are_sent_to_thrown_into_and_closed():
    events = []

    @mg.no_grad()
    def echo():
        received = yield "first"
        while True:
            try:
                received = yield (received, mg.is_grad_enabled())
            except ValueError as error:
                received = f"caught {error}"
            finally:
                events.append(mg.is_grad_enabled())

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("a") == ("a", False)
    assert generator.throw(ValueError("b")) == ("caught b", False)
    generator.close()
    assert events == [False, False]
    assert mg.is_grad_enabled()


def test_exceptions_of_decorated_generators_come_out():
    @mg.no_grad()
    def failing():
        yield 1
        raise KeyError("planted")

    generator = failing()
    next(generator)
    with pytest.raises(KeyError, match="planted"):
        next(generator)
    assert mg.is_grad_enabled()
    with pytest.raises(StopIteration):
        next(generator)


def test_dropped_generators_restore_nothing_wrong():
    @mg.no_grad()
    def numbers():
        yield from range(3)

    generator = numbers()
    next(generator)
    del generator
    assert mg.is_grad_enabled()


def test_decorated_generators_delegate():
    @mg.no_grad()
    def inner():
        received = yield mg.is_grad_enabled()
        return received

    def outer():
        return (yield from inner())

    generator = outer()
    assert next(generator) is False
    with pytest.raises(StopIteration) as stop:
        generator.send("value")
    assert stop.value.value == "value"


# --- Coroutines ----------------------------------------------------------------------------------


def test_tasks_do_not_see_each_others_modes():
    seen = []

    async def off(entered, left):
        with mg.no_grad():
            entered.set()
            await left.wait()
            seen.append(("off", mg.is_grad_enabled()))

    async def on(entered, left):
        await entered.wait()
        seen.append(("on", mg.is_grad_enabled()))
        left.set()

    async def main():
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(off(*events), on(*events))
        seen.append(("main", mg.is_grad_enabled()))

    asyncio.run(main())
    assert seen == [("on", True), ("off", False), ("main", True)]


def test_decorated_coroutines():
    @mg.no_grad()
    async def predict(x):
        await asyncio.sleep(0)
        return x * 2.0, mg.is_grad_enabled()

    async def main():
        found = await asyncio.gather(predict(w()), predict(w()))
        return found, mg.is_grad_enabled()

    found, outside = asyncio.run(main())
    assert [(y.requires_grad, enabled) for y, enabled in found] == [(False, False)] * 2
    assert outside


def test_asynchronous_generators_are_refused():
    with pytest.raises(ArgumentError, match=r"\(.*stream\) cannot be decorated with no_grad"):

        @mg.no_grad()
        async def stream():
            yield 1


# --- Threads -------------------------------------------------------------------------------------


def test_threads_do_not_see_each_others_modes():
    seen = {}
    entered, checked = threading.Event(), threading.Event()

    def off():
        with mg.no_grad():
            entered.set()
            assert checked.wait(10)
            seen["off"] = mg.is_grad_enabled()

    def on():
        assert entered.wait(10)
        seen["on"] = mg.is_grad_enabled()
        seen["recorded"] = (w() * 2.0).requires_grad
        checked.set()

    threads = [threading.Thread(target=work) for work in (off, on)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"on": True, "recorded": True, "off": False}
    assert mg.is_grad_enabled()


def test_new_threads_start_with_recording_on():
    seen = []
    with mg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_one_object_may_be_used_by_several_threads():
    off = mg.no_grad()
    ready = threading.Barrier(2)
    failures = []

    def work():
        try:
            for _ in range(50):
                with off:
                    ready.wait(10)  # both are inside, and leave in either order
                    assert not mg.is_grad_enabled()
                assert mg.is_grad_enabled()
                ready.wait(10)
        except BaseException as error:
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
