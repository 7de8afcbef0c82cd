-- The GD code of a problem.
begin;
select plan(3);

select is(gendurable._error_code('fsm is required'), 'GD001', 'what is missing is GD001');
select is(gendurable._error_code('weight is -1, not a finite number >= 0'), 'GD002', 'any other problem is GD002');
select is(gendurable._error_code('fsm is longer than 1,000 bytes: x is required…'), 'GD002',
    'what a value says does not change the code');

select * from finish();
rollback;
