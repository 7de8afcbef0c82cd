-- What is said of a lost execution.
begin;
select plan(10);

select is(gendurable._lost(null, 'why', 1, false) - 'at', '{"kind": "lost", "reason": "why", "held": 1, "excused": 0}',
    'a loss while the worker held nothing else counts');
select ok((gendurable._lost(null, 'why', 1, false) ->> 'at')::timestamptz >= now(), 'it says when');
select is(gendurable._lost(null, 'why', 11, false) -> 'excused', '1', 'a loss among others is excused');
select is(gendurable._lost(null, 'why', 1, true) -> 'excused', '1', 'so is one of which the caller says so');
select is(gendurable._lost('{"kind": "lost", "excused": 2}', 'why', 3, false) -> 'excused', '3',
    'excused losses add up');
select is(gendurable._lost('{"kind": "exception", "excused": 2}', 'why', 1, false) -> 'excused', '2',
    'a loss that counts leaves them as they are, after a retry too');
select is(gendurable._lost('{"excused": "many"}', 'why', 1, false) -> 'excused', '0',
    'an error of the user''s own is no number');
select is(gendurable._lost('[7]', 'why', 1, false) -> 'excused', '0', 'nor need it be an object');
select is(gendurable._lost('{"excused": -5}', 'why', 1, false) -> 'excused', '0', 'nor be a count');
select is(gendurable._lost('{"excused": 9223372036854775807}', 'why', 2, false) -> 'excused', '2147483647',
    'nor be in range');

select * from finish();
rollback;
