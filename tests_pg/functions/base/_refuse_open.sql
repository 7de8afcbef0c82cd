-- What a function says that every role may call.
begin;
select plan(1);

select throws_ok('select gendurable._refuse_open()', 'GD005', 'gendurable: every role may call this',
    'a code of its own');

select * from finish();
rollback;
