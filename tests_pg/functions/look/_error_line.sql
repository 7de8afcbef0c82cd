-- An error as one line.
begin;
select plan(9);

select is(gendurable._error_line('{"type": "ValueError", "message": "no\n  stock.", "traceback": "long"}'),
    'ValueError: no stock', 'type and message, on one line');
select is(gendurable._error_line('{"message": "no stock"}'), 'no stock', 'a message');
select is(gendurable._error_line('{"kind": "cancelled", "reason": "by hand"}'), 'cancelled: by hand', 'a cancellation');
select is(gendurable._error_line('{"kind": "cancelled", "reason": null}'), 'cancelled', '… without a reason');
select is(gendurable._error_line('{"kind": "lost", "worker": "w1", "held": 3}'), 'the worker was lost w1',
    'a lost claim');
select is(gendurable._error_line('{"code": 5}'), '{"code": 5}', 'any other object');
select is(gendurable._error_line('"just text"'), 'just text', 'a string');
select is(gendurable._error_line(null), 'no error was given', 'none');
select is(length(gendurable._error_line(to_jsonb(repeat('x', 5000)))), 303, 'not too long');

select * from finish();
rollback;
